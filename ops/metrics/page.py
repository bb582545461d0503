"""Reading a page of metrics."""

from collections.abc import Mapping


def read_page(page: str) -> Mapping[str, list[tuple[Mapping[str, str], float]]]:
    """Return the samples of a page in Prometheus' text format: (labels, value) by sample name."""
    from prometheus_client.parser import text_string_to_metric_families

    samples: dict[str, list[tuple[Mapping[str, str], float]]] = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            samples.setdefault(sample.name, []).append((sample.labels, sample.value))
    return samples
