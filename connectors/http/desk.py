"""Between those who send and the publisher: a bounded queue of requests, and what becomes of each.

Requests come from the server's event loop, batches are taken by the publisher's thread.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ...schemas.ports import Receipt, SourceRecord, Verdict
from ..files.rows import Row
from .problem import Answer
from .receipts import Keyed, Part, final, final_body, part_body, part_key

BATCH_BYTES = 8 << 20
GRACE_S = 1.0

Reply = Callable[[Answer | None, float], None]
"""Answers a request in so many seconds, unless it was answered before; None: what became of it is not known."""


@dataclass(slots=True, eq=False)
class Parcel:
    """A request that was taken in: its rows, and how far they are. `parts` are those that were decided about."""

    receipt: str
    received_at: str
    at_ms: int
    rows: Sequence[Row]
    size: int
    single: bool
    keyed: Keyed | None
    reply: Reply
    parts: list[Part] = field(default_factory=list)
    given: int = 0

    def answer(self) -> Answer | None:
        """Return the answer, None unless every record was decided about."""
        if sum(part.records for part in self.parts) != len(self.rows):
            return None
        return final(self.receipt, self.received_at, self.parts, single=self.single)


@dataclass(slots=True, eq=False)
class Chunk:
    """Rows of one request that are in one batch; `sequence` is their place in the source's position."""

    parcel: Parcel
    first: int
    size: int
    sequence: int

    @property
    def last(self) -> bool:
        return self.first + self.size == len(self.parcel.rows)


class Desk:
    """Takes requests in, gives them on in batches of whole chunks, and answers them when they are committed.

    `keep` writes receipts down, `told` hears how many records wait. A chunk is as large as a batch may be, so that
    what a kill leaves half done ends where a receipt says.
    """

    def __init__(self, keep: Callable[[Sequence[Receipt]], None], told: Callable[[int], None]) -> None:
        self.committed = 0
        self.records = 0
        self.bytes = 0
        self.closed = False
        self._keep = keep
        self._told = told
        self._changed = threading.Condition()
        self._queue: deque[Parcel] = deque()
        self._flying: deque[Chunk] = deque()
        self._last: list[Chunk] = []
        self._sequence = 0
        self._keys: set[bytes] = set()

    # --- for those who send ---

    def reserve(self, key: bytes) -> bool:
        """Take a key while its request is worked on; False when somebody has it."""
        with self._changed:
            if key in self._keys:
                return False
            self._keys.add(key)
            return True

    def release(self, key: bytes) -> None:
        with self._changed:
            self._keys.discard(key)

    def put(self, parcel: Parcel) -> bool:
        """Take a request in; False when the desk is closed."""
        with self._changed:
            if self.closed:
                return False
            self._queue.append(parcel)
            self._count(len(parcel.rows) - parcel.given, parcel.size)
            self._changed.notify()
            return True

    # --- for the publisher ---

    def open(self, committed: int) -> None:
        """Go on after `committed`: what was given since then is given again."""
        self.commit(committed)
        with self._changed:
            self._sequence = committed
            flying, self._flying, self._last = self._flying, deque(), []
            for chunk in reversed(flying):
                self._take_back(chunk)

    def _take_back(self, chunk: Chunk) -> None:
        parcel = chunk.parcel
        if parcel.given == len(parcel.rows):
            self._queue.appendleft(parcel)
        parcel.given = chunk.first
        parcel.parts = [part for part in parcel.parts if part.first < chunk.first]

    def take(self, limit: int) -> list[SourceRecord]:
        """Return the records of whole chunks, at most `limit`."""
        batch: list[SourceRecord] = []
        size = 0
        with self._changed:
            self._last = []
            while self._queue and not self.closed:
                parcel = self._queue[0]
                count = min(limit, len(parcel.rows) - parcel.given)
                if batch and (len(batch) + count > limit or size + parcel.size > BATCH_BYTES):
                    break
                size += parcel.size
                batch += self._chunk(parcel, count)
        return batch

    def _chunk(self, parcel: Parcel, count: int) -> list[SourceRecord]:
        before = {"sequence": self._sequence}
        self._sequence += 1
        chunk = Chunk(parcel, parcel.given, count, self._sequence)
        parcel.given += count
        if chunk.last:
            self._queue.popleft()
        self._flying.append(chunk)
        self._last.append(chunk)
        records = [_record(parcel, at, before) for at in range(chunk.first, chunk.first + count - 1)]
        return [*records, _record(parcel, chunk.first + count - 1, {"sequence": chunk.sequence})]

    def wait(self, seconds: float) -> None:
        """Return when a request is there, or the desk is closed, or the time is over."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._queue) or self.closed, seconds)

    def decided(self, verdicts: Sequence[Verdict]) -> None:
        """Note what the batch given last is about to become, and keep the receipts that its commit will make true."""
        if len(verdicts) != sum(chunk.size for chunk in self._last):
            raise ValueError("a verdict for each record of the batch is wanted")
        at, receipts = 0, []
        for chunk in self._last:
            part = Part.of(chunk.first, verdicts[at : at + chunk.size])
            at += chunk.size
            known = [one for one in chunk.parcel.parts if one.first < chunk.first]
            chunk.parcel.parts = [*known, part]
            receipts += _receipts(chunk, part)
        self._keep(receipts)

    def commit(self, sequence: int) -> None:
        """Answer the requests that are whole with `sequence`."""
        done = []
        with self._changed:
            self.committed = sequence
            while self._flying and self._flying[0].sequence <= sequence:
                done.append(self._flying.popleft())
            for chunk in done:
                self._count(-chunk.size, -chunk.parcel.size if chunk.last else 0)
                if chunk.last and chunk.parcel.keyed:
                    self._keys.discard(chunk.parcel.keyed.key)
        for chunk in done:
            if chunk.last:
                chunk.parcel.reply(chunk.parcel.answer(), 0.0)

    def close(self) -> None:
        """Take and give nothing more. Who waits for what is with the publisher has `GRACE_S` left."""
        with self._changed:
            self.closed = True
            self._changed.notify_all()
            waiting = [(parcel, 0.0) for parcel in self._queue]
            waiting += [(chunk.parcel, GRACE_S) for chunk in self._flying if chunk.last]
        for parcel, grace_s in waiting:
            parcel.reply(None, grace_s)

    def _count(self, records: int, size: int) -> None:
        self.records += records
        self.bytes += size
        self._told(self.records)


def _record(parcel: Parcel, at: int, position: dict[str, int]) -> SourceRecord:
    row = parcel.rows[at]
    return SourceRecord(
        position=position,
        place=f"request {parcel.receipt}:record {at}",
        value=row.value,
        refusal=row.refusal,
        detail=row.detail,
        raw=row.raw,
        sha256=row.sha256,
        size=row.size,
        input=parcel.receipt,
    )


def _receipts(chunk: Chunk, part: Part) -> list[Receipt]:
    parcel = chunk.parcel
    if parcel.keyed is None:
        return []
    answer = parcel.answer()
    if answer is not None:
        key, body = parcel.keyed.key, final_body(answer)
    else:
        key, body = part_key(parcel.keyed.key, chunk.first), part_body(part)
    return [Receipt(chunk.sequence, key, parcel.keyed.body, body, parcel.at_ms)]
