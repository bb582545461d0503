"""The metrics of a role that publishes a source."""

import time
from functools import partial

from ...schemas.charter import Charter
from ...schemas.contract import DataContract
from ...schemas.model import duration_ms
from ...schemas.observer import PublishCounts
from .access import AccessMetrics
from .edge import EdgeMetrics
from .transactions import TransactionMetrics


class PublisherMetrics(TransactionMetrics):
    """The metrics of a role that publishes one source; a `PublisherObserver`. `edge` listens to the source's edge."""

    def __init__(self, source: str, dataset: str) -> None:
        super().__init__(dataset)
        self.words.know("source", [source])
        self._source = source
        self._last = time.time()
        self.access = AccessMetrics(self.families)
        self.edge = EdgeMetrics(self.families, self.access, source, self._hear, partial(self.state_of, "edge"))
        self._published = self.families.counter(
            "penstock_published_total", "Records published to their provider topic.", "source"
        )
        self._duplicates = self.families.counter(
            "penstock_events_duplicate_total", "Records published before, and discarded.", "source"
        )
        self._flagged = self.families.counter(
            "penstock_events_flagged_total", "Published events by quality flag.", "dataset", "flag"
        )
        silence = self.families.gauge(
            "penstock_source_silence_seconds", "Since the source's last record, or since the role began.", "source"
        )
        silence[source,].set_function(lambda: max(0.0, time.time() - self._last))
        self._silence_limit = self.families.gauge(
            "penstock_source_silence_limit_seconds", "How long the source promised to be silent at most.", "source"
        )
        self._published[source,].inc(0)
        self._duplicates[source,].inc(0)

    def know(self, charter: Charter, contract: DataContract, silence_after: str | None) -> None:
        """Make known who may be refused, which flags the contract can raise, and how long the source may be silent."""
        self.words.know("principal", [one.id for one in charter.members])
        flags = {one.flag for one in contract.quality}
        self.words.know("flag", flags)
        for flag in flags:
            self._flagged[contract.id, flag].inc(0)
        if silence_after is not None:
            self._silence_limit[self._source,].set(duration_ms(silence_after) / 1000)

    def heard(self, at_ms: int) -> None:
        """Take note that the last record known came at `at_ms`, before this role began."""
        self._last = at_ms / 1000

    def _hear(self) -> None:
        self._last = time.time()

    def published(self, counts: PublishCounts, seconds: float) -> None:
        self._hear()
        self._published[counts.source,].inc(counts.published)
        self._duplicates[counts.source,].inc(counts.duplicates)
        self._left_out(counts.dataset, counts.unclassified)
        for flag, count in counts.flagged.items():
            self._flagged[counts.dataset, flag].inc(count)
        self._committed(counts.dataset, counts.quarantined, seconds)
