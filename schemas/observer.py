"""What a role tells of its work, once a batch: metrics and health listen, the work itself knows neither."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class BatchCounts:
    """What one committed exchange transaction did. Keys are ids of agreements and reason codes, never values.

    `encrypted` counts field values by agreement; `unclassified` values of fields that no contract knows; `appended`
    the events by when they were appended to the provider topic (milliseconds since the epoch). `lag_seconds`: how long
    the oldest of them waited; None for what was only caught up with.
    """

    dataset: str
    events: int
    released: Mapping[str, int]
    withheld: Mapping[str, Mapping[str, int]]
    quarantined: Mapping[str, int]
    lag_seconds: float | None
    encrypted: Mapping[str, int] = field(default_factory=dict)
    unclassified: int = 0
    appended: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PublishCounts:
    """What one committed publisher transaction did.

    `quarantined` counts by reason; `duplicates` were published before and discarded; `flagged` counts published events
    by quality flag, an event once under each of its flags; `unclassified` counts the fields that no contract knows and
    that were left out of published events.
    """

    source: str
    dataset: str
    published: int
    quarantined: Mapping[str, int]
    duplicates: int = 0
    flagged: Mapping[str, int] = field(default_factory=dict)
    unclassified: int = 0


class ExchangeObserver(Protocol):
    """Listens to an exchange slot."""

    def batch(self, counts: BatchCounts, seconds: float) -> None:
        """A transaction that took `seconds` is committed."""
        ...

    def aborted(self) -> None:
        """A transaction was aborted; its batch is done again."""
        ...

    def idle(self, dataset: str) -> None:
        """Nothing is waiting to be read."""
        ...

    def behind(self, records: Mapping[str, int], parked: Collection[str]) -> None:
        """So many offsets lie between these agreements and the common batches; some of them are parked.

        Told when something is behind, and once when nothing is any more.
        """
        ...

    def generation(self, number: int, agreements: Collection[str]) -> None:
        """From here on this generation is acted on, and these agreements are served."""
        ...

    def state(self, state: str, reason: str) -> None:
        """The role is `running`, or `waiting` for `reason`."""
        ...


class PublisherObserver(Protocol):
    """Listens to a publisher."""

    def heard(self, at_ms: int) -> None:
        """The source's last record before this process was committed at this time (milliseconds since the epoch)."""
        ...

    def published(self, counts: PublishCounts, seconds: float) -> None:
        """A transaction that took `seconds` is committed."""
        ...

    def aborted(self) -> None:
        """A transaction was aborted; its batch is done again."""
        ...

    def state(self, state: str, reason: str) -> None:
        """The source is `running`, or `waiting` for `reason`."""
        ...


class OperationObserver(Protocol):
    """Listens to operations on a key store, a registry or a KMS."""

    def done(self, operation: str, outcome: str, seconds: float) -> None:
        """An operation ended: `ok`, `unavailable`, or `error` for any other failure."""
        ...
