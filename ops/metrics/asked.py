"""Families that are asked for at each scrape."""

from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import Metric
from prometheus_client.registry import Collector


class Asked(Collector):
    """Asks for its families at each scrape."""

    def __init__(self, ask: Callable[[], Iterable[Metric]]) -> None:
        self._ask = ask

    def collect(self) -> Iterator[Metric]:
        yield from self._ask()
