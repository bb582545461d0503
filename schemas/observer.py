"""What a role tells of its work, once a batch: metrics and health listen, the work itself knows neither."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class BatchCounts:
    """What one committed exchange transaction did. Keys are ids of agreements and reason codes, never values."""

    dataset: str
    events: int
    released: Mapping[str, int]
    withheld: Mapping[str, Mapping[str, int]]
    quarantined: Mapping[str, int]
    lag_seconds: float


@dataclass(frozen=True, slots=True)
class PublishCounts:
    """What one committed publisher transaction did. `quarantined` counts by reason."""

    source: str
    dataset: str
    published: int
    quarantined: Mapping[str, int]


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

    def generation(self, number: int) -> None:
        """From here on this generation is acted on."""
        ...

    def state(self, state: str, reason: str) -> None:
        """The role is `running`, or `waiting` for `reason`."""
        ...


class PublisherObserver(Protocol):
    """Listens to a publisher."""

    def published(self, counts: PublishCounts, seconds: float) -> None:
        """A transaction that took `seconds` is committed."""
        ...

    def aborted(self) -> None:
        """A transaction was aborted; its batch is done again."""
        ...

    def state(self, state: str, reason: str) -> None:
        """The source is `running`, or `waiting` for `reason`."""
        ...
