"""Metrics of erasure cases: whose receipts are missing or overdue, and what was approved and is not done."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily

from ...processors.erasure_case import Case
from ..clock import now_ms
from .asked import Asked
from .words import refuse_labels

Cases = Callable[[], Mapping[str, Case]]


class ErasureMetrics:
    """Told at each scrape, of the cases that are watched."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._cases: Cases = dict
        registry.register(Asked(self._gauges))

    def watch(self, cases: Cases) -> None:
        self._cases = cases

    def _gauges(self) -> Iterator[GaugeMetricFamily]:
        refuse_labels("penstock_erasure_receipts", ("recipient",))
        cases, at_ms = self._cases(), now_ms()
        missing = Counter(member for case in cases.values() for member in case.missing)
        overdue = Counter(member for case in cases.values() for member in case.overdue(at_ms))
        yield _family("missing", "Notices of erasure that a recipient has not answered.", missing, missing)
        yield _family("overdue", "Those of them that it should have answered by now.", missing, overdue)
        undone = sum(case.state in {"approved", "destroyed"} and not case.hold for case in cases.values())
        yield GaugeMetricFamily("penstock_erasures_undone", "Erasures approved and not carried out.", value=undone)


def _family(name: str, about: str, recipients: Counter[str], counted: Counter[str]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"penstock_erasure_receipts_{name}", about, labels=("recipient",))
    for member in sorted(recipients):
        family.add_metric([member], counted[member])
    return family
