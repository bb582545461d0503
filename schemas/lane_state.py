"""The lane state: from which offset an agreement is served on one partition, and by whom.

Key: provider topic, `/`, agreement, `/`, partition: the topic is compacted, the last word stands. Value: the frame of
`versioned`. It is committed in the transaction from which on it holds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from .errors import RecordError
from .reasons import Refusal
from .versioned import as_text, pack, unpack

KIND = "lane"
Place = tuple[str, int]
"""An agreement and a partition."""

Why = Literal["", "parked", "suspended", "start"]
"""Why an agreement is behind: its topic or a key failed, it is suspended and will catch up, it begins in the past."""

_REASONS: Mapping[str, Why] = {"": "", "parked": "parked", "suspended": "suspended", "start": "start"}


@dataclass(frozen=True, slots=True)
class LaneState:
    """An agreement's state on a partition of a provider topic.

    Behind: the common batches put its records aside, from `since` on, and those from `next` on are caught up with. Else
    it has joined, and the common batches serve it from `next` on. `error`: what failed, where it was parked.
    """

    topic: str
    agreement: str
    partition: int
    behind: bool
    next: int
    generation: int
    reason: Why = ""
    error: str = ""
    since: int = 0

    @property
    def place(self) -> Place:
        return self.agreement, self.partition

    def key(self) -> bytes:
        return f"{self.topic}/{self.agreement}/{self.partition}".encode()

    def to_value(self) -> bytes:
        said = {
            "kind": KIND,
            "topic": self.topic,
            "agreement": self.agreement,
            "partition": self.partition,
            "state": "behind" if self.behind else "joined",
            "next": self.next,
            "generation": self.generation,
        }
        why = {"reason": self.reason, "error": self.error, "since": self.since}
        return pack(said | {key: value for key, value in why.items() if value})


def lane_state_from(value: bytes | None) -> LaneState:
    """Return the lane state of a record's value. Raises RecordError for anything else."""
    record: Any = unpack(value)
    try:
        return _state(record)
    except (KeyError, TypeError, ValueError):
        raise RecordError(Refusal.FRAMING, "not a lane state") from None


def _state(record: Any) -> LaneState:
    if record["kind"] != KIND:
        raise ValueError("another kind")
    return LaneState(
        topic=as_text(record["topic"]),
        agreement=as_text(record["agreement"]),
        partition=_whole(record["partition"]),
        behind={"behind": True, "joined": False}[record["state"]],
        next=_whole(record["next"]),
        generation=_whole(record["generation"]),
        reason=_REASONS[record.get("reason", "")],
        error=as_text(record.get("error", "")),
        since=_whole(record.get("since", 0)),
    )


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError("not a whole number")
    return value
