"""The making of a batch's views. Where the extension stops at one, it is made as without it, and it goes on behind."""

from collections.abc import Sequence
from functools import partial

from ...schemas.encrypted import NONCE_BYTES
from ..compiled.plan import Remade, Seal
from ..compiled.written import CompiledView
from ..encrypt import BulkKey
from ..event_work import Means
from ..outcome import Outcome, Output
from .batch_run import BatchRun
from .extension import Bulk, Counts, Key, Making, extension
from .scanned_batch import ScannedBatch

MOST, FEW = 4_096, 8
"""So many events at a time; and so many behind one that was not for the extension, since the next may not be either."""

INSIDE = 2
"""So many fields are thought to be encrypted inside of a part; twice as many each time that they were too few."""

MOST_INSIDE = 4 * MOST
"""So many of them at a time: one event with very many of them asks for few events, not for more memory."""

_output = partial(tuple.__new__, Output)


class Run(BatchRun):
    """One batch's views, in the order of events and agreements."""

    def __init__(self, batch: ScannedBatch, means: Means, keys: list[list[list[Key | None]]]) -> None:
        super().__init__(batch, means)
        self._keys = keys
        self._seals = [_seals(batch, number) for number in range(len(batch.served))]
        self._remade = [_remade(batch, number) for number in range(len(batch.served))]
        self._inside = INSIDE
        most_bulk = max(bulk for _, bulk in self._seals)
        self._most = min(MOST, BulkKey.SPARE_USES // max(most_bulk, 1))

    def go(self, outcome: Outcome) -> None:
        """Make every view that may be made. Raises as `LaneProgram.process`."""
        making = self._making()
        try:
            self._go(making, outcome)
        finally:
            making.forget()

    def _making(self) -> Making:
        found, batch = extension(), self._batch
        if found is None:
            raise LookupError("penstock_native")
        topics = [one.topic for one in batch.served]
        codes = list(map(bytes, batch.columns))
        secrets = [self._secrets(number) for number in range(len(batch.served))]
        return found.Making(batch.scan, topics, codes, self._keys, secrets)

    def _go(self, making: Making, outcome: Outcome) -> None:
        event, view, stride, count = 0, 0, self._most, len(self._batch.writers)
        while event < count:
            end = min(event + stride, count)
            event, view, short = self._some(making, (event, view), end, outcome)
            if short:
                self._inside *= 2
                stride = max(1, min(stride, MOST_INSIDE // self._inside))
                continue
            self._inside = max(INSIDE, self._inside // 2)
            if event == end:
                stride = max(1, min(2 * stride, self._most, MOST_INSIDE // self._inside))
                continue
            self._by_itself(event, view, outcome)
            view, stride = view + 1, FEW

    def _some(self, making: Making, place: tuple[int, int], end: int, outcome: Outcome) -> tuple[int, int, bool]:
        """Make views up to the event `end`; return where the extension stopped, and whether for want of nonces."""
        released = [column.find(0, place[0], end) >= 0 for column in self._batch.columns]
        most = [(end - place[0]) * one for one in released]
        own = [seals + self._inside * remade for (seals, _), remade in zip(self._seals, self._remade, strict=True)]
        nonces = self._means.nonces.many(sum(count * each for count, each in zip(most, own, strict=True)))
        keys = [self._bulk(number, count) for number, count in enumerate(most)]
        ran = making.run(place, end, nonces, [key and key[1] for key in keys])
        records, event, view, taken, left, counts, sealed, short = ran
        used = [key[1][3] - unused if key else 0 for key, unused in zip(keys, left, strict=True)]
        self._require_drawn(counts, sealed, taken, used)
        self._means.nonces.give_back(nonces[NONCE_BYTES * taken :])
        for key, unused in zip(keys, left, strict=True):
            if key:
                key[0].give_back(key[1][2] + key[1][3] - unused, unused)
        outcome.outputs += map(_output, records)
        for writer, of_views in enumerate(counts):
            for number, count in enumerate(of_views):
                if count:
                    self._count(writer, number, (count, sealed[writer][number]), outcome)
        return event, view, short

    def _require_drawn(self, counts: Counts, sealed: Counts, taken: int, bulk: Sequence[int]) -> None:
        """Raise where the records that were made hold more nonces than the extension says it took.

        What it did not take is given out again, and a nonce that comes twice under one key would open both fields.
        Inside of a part only the extension knows how many fields there are, so there its two counts are compared.
        """
        own, of_bulk = 0, [0] * len(bulk)
        for writer, of_views in enumerate(counts):
            for number, count in enumerate(of_views):
                view = self._batch.programs.writers[writer].views[number]
                subjects, nobody = _seals_of(view) if view and count else (0, 0)
                own += count * subjects
                of_bulk[number] += count * nobody
        own = max(own, sum(map(sum, sealed)) - sum(of_bulk))
        if own > taken or any(held > used for held, used in zip(of_bulk, bulk, strict=True)):
            raise RuntimeError("the compiled back end took more nonces than it counted")

    def _bulk(self, number: int, events: int) -> tuple[BulkKey, Bulk] | None:
        uses = events * self._seals[number][1]
        if not uses:
            return None
        key = self._batch.served[number].bulk_key()
        return key, (key.handle, key.key, key.reserve(uses), uses)


def _seals(batch: ScannedBatch, number: int) -> tuple[int, int]:
    """Return how many fields a view encrypts at most under the keys of data subjects, and under the bulk key."""
    views = [_seals_of(view) for one in batch.programs.writers if (view := one.views[number])]
    return max((own for own, _ in views), default=0), max((bulk for _, bulk in views), default=0)


def _remade(batch: ScannedBatch, number: int) -> int:
    """Return how many parts of a view are made anew from inside at most."""
    views = [view for one in batch.programs.writers if (view := one.views[number])]
    return max((sum(isinstance(op, Remade) for op in view.plan.ops) for view in views), default=0)


def _seals_of(view: CompiledView) -> tuple[int, int]:
    """As `_seals`, for events of one writer schema, exactly."""
    seals = [op for op in view.plan.ops if isinstance(op, Seal)]
    bulk = sum(op.subject is None for op in seals)
    return len(seals) - bulk, bulk
