"""What a publisher makes of records: accepted, refused, or discarded as sent before."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ..schemas.ports import SourceRecord, Verdict
from .duplicates import Attempt


@dataclass(frozen=True, slots=True)
class Accepted:
    """A record as the provider topic takes it: `content` is it without its quality `flags`.

    `unclassified` is the number of its fields that the contract does not know and that were left out.
    """

    key: bytes | None
    value: bytes
    event_id: str
    content: bytes
    flags: Sequence[str] = ()
    unclassified: int = 0


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that goes to quarantine; `subject` is the keyed reference where it could be read."""

    source: SourceRecord
    reason: str
    detail: str
    subject: bytes | None


@dataclass(frozen=True, slots=True)
class Discarded:
    """A record that was published before."""

    source: SourceRecord


class Judged:
    """A batch of records, judged in order."""

    def __init__(self, taken: Sequence[Accepted | Discarded | Rejected], attempt: Attempt | None) -> None:
        self.accepted = [one for one in taken if isinstance(one, Accepted)]
        self.rejected = [one for one in taken if isinstance(one, Rejected)]
        self.duplicates = len(taken) - len(self.accepted) - len(self.rejected)
        self.verdicts = [_verdict(one) for one in taken]
        self._attempt = attempt

    @property
    def flagged(self) -> dict[str, int]:
        """Numbers of accepted events by quality flag."""
        return dict(Counter(flag for one in self.accepted for flag in one.flags))

    @property
    def refused(self) -> dict[str, int]:
        """Numbers of refused records by reason."""
        return dict(Counter(one.reason for one in self.rejected))

    @property
    def unclassified(self) -> int:
        return sum(one.unclassified for one in self.accepted)

    def keep(self) -> None:
        """The batch is committed: from here on its events are known."""
        if self._attempt:
            self._attempt.keep()


def _verdict(taken: Accepted | Discarded | Rejected) -> Verdict:
    match taken:
        case Accepted():
            return Verdict("published")
        case Discarded():
            return Verdict("duplicate")
        case Rejected():
            return Verdict("quarantined", taken.reason, taken.detail)
