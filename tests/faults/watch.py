"""Follows the audit log while faults happen: which slot committed what, when a reader could first see it."""

import json
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, TopicPartition
from events import PARTITIONS

AUDIT = "penstock.audit"
SETTINGS = {
    "group.id": "bench.unused",
    "enable.auto.commit": False,
    "auto.offset.reset": "earliest",
    "isolation.level": "read_committed",
    "fetch.wait.max.ms": 20,
    "socket.nagle.disable": True,
    "reconnect.backoff.max.ms": 200,
    "log_level": 0,
}


@dataclass(frozen=True)
class Commit:
    """One transaction of a slot. `seen_ms`: when a committed reader got its audit record.

    `records` were dealt with for all agreements but those for which they were put aside; `aside` is how many of these
    there were, or less than none where an agreement caught up.
    """

    seen_ms: int
    slot: int
    epoch: int
    ends: Mapping[int, int]
    records: int
    aside: int


class Watch:
    """A thread that reads, and questions to it."""

    def __init__(self, bootstrap: str) -> None:
        self.commits: list[Commit] = []
        self._news = threading.Condition()
        self._ended = False
        self._consumer = Consumer({"bootstrap.servers": bootstrap, **SETTINGS})
        self._consumer.assign([TopicPartition(AUDIT, 0, 0)])
        self._thread = threading.Thread(target=self._follow, name="watch", daemon=True)
        self._thread.start()

    def processed(self) -> int:
        return sum(one.records for one in tuple(self.commits))

    def aside(self) -> int:
        """Return how many records, counted for each agreement, wait to be caught up with."""
        return sum(one.aside for one in tuple(self.commits))

    def owned(self, slot: int) -> list[int]:
        """Return the partitions that a slot was the last to commit for."""
        holder = {partition: one.slot for one in tuple(self.commits) for partition in one.ends}
        return sorted(partition for partition, by in holder.items() if by == slot)

    def last(self, slot: int) -> int:
        """Return when a slot last committed, 0 for never."""
        return max((one.seen_ms for one in tuple(self.commits) if one.slot == slot), default=0)

    def epoch(self, slot: int) -> int:
        """Return which incarnation of a slot committed last."""
        return next((one.epoch for one in reversed(tuple(self.commits)) if one.slot == slot), 0)

    def after(self, since_ms: int, partitions: Iterable[int], patience_s: float, dead: int = 0) -> int | None:
        """Return when each of `partitions` has moved since a moment; None: not within `patience_s`.

        `dead` is the incarnation of a slot whose last commit may be seen only now: it does not count.
        """
        deadline = time.monotonic() + patience_s
        wanted = set(partitions)
        while (moved := self._moved(since_ms, wanted, dead)) is None:
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            with self._news:
                self._news.wait(min(left, 0.5))
        return moved

    def _moved(self, since_ms: int, wanted: set[int], dead: int) -> int | None:
        first: dict[int, int] = {}
        for one in reversed(tuple(self.commits)):
            if one.seen_ms <= since_ms:
                break
            if one.epoch == dead:
                continue
            first |= dict.fromkeys(one.ends, one.seen_ms)
        return max((first[one] for one in wanted), default=since_ms) if wanted <= first.keys() else None

    def everything_moves(self, since_ms: int, patience_s: float) -> int | None:
        """As `after`, for every partition."""
        return self.after(since_ms, range(PARTITIONS), patience_s)

    def _follow(self) -> None:
        while not self._ended:
            messages = [one for one in self._consumer.consume(500, 0.1) if one.error() is None]
            found = [json.loads((one.value() or b"")[1:]) for one in messages]
            now = time.time_ns() // 1_000_000
            self.commits += [_commit(one, now) for one in found if one["kind"] == "exchange"]
            if messages:
                with self._news:
                    self._news.notify_all()

    def close(self) -> None:
        self._ended = True
        self._thread.join()
        self._consumer.close()


def _commit(audit: Mapping[str, Any], now_ms: int) -> Commit:
    inputs, later = audit["inputs"], bool(audit.get("catch_up"))
    parked = sum(one["withheld"].get("parked", 0) for one in audit["agreements"].values())
    return Commit(
        seen_ms=now_ms,
        slot=int(audit["slot"].rpartition(".")[2]),
        epoch=audit["epoch"],
        ends={} if later else {int(partition): end for partition, (_, end, _) in inputs.items()},
        records=0 if later else sum(records for _, _, records in inputs.values()),
        aside=parked - audit.get("taken_up", 0),
    )
