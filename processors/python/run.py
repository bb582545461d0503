"""The making of a batch's views by compiled programs, in the order of events and agreements."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NoReturn

from ...schemas.limits import MAX_RECORD_BYTES
from ..compiled.making import raw_key
from ..compiled.plan import Remade
from ..compiled.scanning import Unusual
from ..compiled.written import CompiledView
from ..encrypt import BulkUses
from ..event_work import Means
from ..native.batch_run import BatchRun
from ..native.columns import Column
from ..native.extension import Key, Record
from ..native.scanned_batch import ScannedBatch
from ..noise import NoiseSecret
from ..outcome import Outcome, Output
from .scan import PythonScan

AT_ONCE = 1_024
"""After so many events a bulk key is looked at again: it may be time for another."""

Make = Callable[..., tuple[bytes, bytes | None]]
Keys = Sequence[tuple[bytes | None, ...]]
"""By event, the keys of the data subjects that a view takes."""

Program = tuple[int, Make, Column, str, Keys, Mapping[int, NoiseSecret], BulkUses | None, list[None]]
"""A view's number, what makes it, of which events, for which topic, with what; the list grows with every record."""

_output = partial(tuple.__new__, Output)


class PythonRun(BatchRun):
    """One batch's views. Where a program stops, that view is made without it, and the run goes on behind."""

    OTHERWISE_COMPILED = False

    def __init__(
        self, batch: ScannedBatch, scan: PythonScan, means: Means, keys: Sequence[Sequence[Sequence[Key | None]]]
    ) -> None:
        super().__init__(batch, means)
        partitions = [one.partition for one in batch.task.batch]
        self._rows = list(zip(batch.writers, scan.data, scan.lie, scan.own, scan.days(), partitions, strict=True))
        self._keys_of = [_by_event(columns, len(partitions)) for columns in keys]
        self._secrets_of = [self._noise_secrets(number) for number in range(len(batch.served))]

    def go(self, outcome: Outcome) -> None:
        """Make every view that may be made. Raises as `LaneProgram.process`."""
        event, view, count = 0, 0, len(self._rows)
        while event < count:
            end = min(event + AT_ONCE, count)
            event, view = self._some_of((event, view), end, outcome)
            if event < end:
                self._by_itself(event, view, outcome)
                view += 1

    def _some_of(self, place: tuple[int, int], end: int, outcome: Outcome) -> tuple[int, int]:
        """Make views up to the event `end`; return the event and view where a program stopped."""
        bulk = [self._bulk_of(number, place[0], end) for number in range(len(self._batch.served))]
        programs = [self._programs(writer, bulk) for writer in range(len(self._batch.programs.writers) + 1)]
        records: list[Record] = []
        place = self._made(place, end, programs, records)
        for one in bulk:
            if one:
                one.end()
        outcome.outputs += map(_output, records)
        for writer, of_views in enumerate(programs[1:]):
            for number, *_, made in of_views:
                if made:
                    view = self._batch.programs.writers[writer].views[number]
                    # Those inside of parts were counted when they were made.
                    self._count(writer, number, (len(made), len(made) * view.seals if view else 0), outcome)
        return place

    def _made(
        self, place: tuple[int, int], end: int, programs: Sequence[Sequence[Program]], records: list[Record]
    ) -> tuple[int, int]:
        rows, nonce, add, (first, view) = self._rows, self._means.nonces.next, records.append, place
        for event in range(first, end):
            writer, data, lie, own, day, partition = rows[event]
            of_views = programs[writer][view:] if view else programs[writer]
            view = 0
            for number, make, codes, topic, keys, secrets, bulk, made in of_views:
                if codes[event]:
                    continue
                try:
                    value, key = make(data, lie, own, keys[event], secrets.get(day), bulk, nonce)
                except Exception:  # noqa: BLE001 - whatever it is, the slow path finds it again and says it in words
                    return event, number
                if len(value) + (len(key) if key else 0) > MAX_RECORD_BYTES:
                    return event, number
                add((topic, partition, key, value))
                made.append(None)
        return end, 0

    def _programs(self, writer: int, bulk: Sequence[BulkUses | None]) -> list[Program]:
        """Return the programs for a writer's events, by view; of no writer's, what stops at each."""
        batch = self._batch
        views = batch.programs.writers[writer - 1].views if writer else (None,) * len(batch.served)
        return [
            (n, _make(view), batch.columns[n], served.topic, self._keys_of[n], self._secrets_of[n], bulk[n], [])
            for n, (view, served) in enumerate(zip(views, batch.served, strict=True))
        ]

    def _noise_secrets(self, number: int) -> Mapping[int, NoiseSecret]:
        """Return by day the noise secrets of a view's events."""
        by_day = self._secrets(number)
        once = {raw: NoiseSecret(raw) for raw in by_day.values()}
        return {day: once[raw] for day, raw in by_day.items()}

    def _bulk_of(self, number: int, first: int, end: int) -> BulkUses | None:
        """Return uses of an agreement's bulk key where some event is released to it that may take them."""
        batch = self._batch
        takes = any(view and view.bulk for view in (one.views[number] for one in batch.programs.writers))
        if not takes or batch.columns[number].find(0, first, end) < 0:
            return None
        return BulkUses(batch.served[number].bulk_key())


def _make(view: CompiledView | None) -> Make:
    """Return what makes a view. One that stopped halfway has encrypted nothing, whatever was counted."""
    if view is None:
        return _stop
    if not any(isinstance(one, Remade) for one in view.plan.ops):
        return view.make
    make, sealings = view.make, view.program.sealings

    def made(*means: object) -> tuple[bytes, bytes | None]:
        before = sealings.count
        try:
            return make(*means)
        except BaseException:
            sealings.count = before
            raise

    return made


def _stop(*_: object) -> NoReturn:
    raise Unusual


def _by_event(columns: Sequence[Sequence[Key | None]], count: int) -> Keys:
    """Return the keys of each event as bytes."""
    raw = [[one if one is None or isinstance(one, bytes) else raw_key(one) for one in column] for column in columns]
    return list(zip(*raw, strict=True)) if raw else [()] * count
