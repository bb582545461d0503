"""The conformance kit passes sources that keep the rules and catches each kind of broken one."""

import contextlib
import itertools
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from penstock.connectors.conformance.kit import Stand, assert_conforms, breaches
from penstock.connectors.doubles import ListSource, Refused
from penstock.connectors.files.file_drop import FileDrop
from penstock.schemas.reasons import Refusal

ITEMS = [*({"n": number, "name": f"Mari-{number}"} for number in range(9)), Refused(Refusal.ENCODING, "row 10", b"x")]
SECRETS = ("Mari-",)


def stand_of(kind: Callable[[list[Any]], Any], **more: Any) -> Callable[[], Any]:
    """Stands over a list; a source that remembers anything outside its position does so in a `world` of the stand."""

    @contextlib.contextmanager
    def stand() -> Iterator[Stand]:
        world = list(ITEMS)
        yield Stand(lambda: kind(world), len(ITEMS), SECRETS, **more)

    return stand


class Loses(ListSource):
    """Goes on one record too far after a restart."""

    def open(self, position, finished):
        super().open(position and {"item": position["item"] + 1}, finished)


class Repeats(ListSource):
    """Gives the last committed record again."""

    def open(self, position, finished):
        super().open(position and {"item": position["item"] - 1}, finished)


_turn = itertools.count()


class Shuffles(ListSource):
    """Begins somewhere else each time."""

    def __init__(self, items):
        start = next(_turn) % 7
        super().__init__([*items[start:], *items[:start]])


class AcknowledgesEarly(ListSource):
    """A queue that forgets what it gave, committed or not."""

    def __init__(self, world):
        super().__init__(world)
        self._world = world

    def open(self, position, finished):  # noqa: ARG002 - it forgets it
        super().open(None, finished)

    def batches(self, limit):
        for batch in super().batches(limit):
            del self._world[: len(batch)]
            self._next = 0
            yield batch


class IgnoresStop(ListSource):
    """Reads on for ever."""

    def stop(self):
        pass


class NeverEmpty(ListSource):
    """Waits for the next record inside, so that nobody hears that there is none."""

    def batches(self, limit):
        for batch in super().batches(limit):
            if batch:
                yield batch
            time.sleep(0.01)


class Talks(ListSource):
    """Says in a record's place what the record says."""

    def _record(self, item):
        record = super()._record(item)
        return replace(record, place=f"row of {item['name']}") if record.value else record


class TalksInTheLog(ListSource):
    """Logs values."""

    def _record(self, item):
        if not isinstance(item, Refused):
            logging.getLogger("talks").warning("read %s", item["name"])
        return super()._record(item)


class OddPosition(ListSource):
    """Its position is no JSON."""

    def _record(self, item):
        record = super()._record(item)
        return replace(record, position={"item": record.position["item"], "seen": (1, 2)})


class TooMany(ListSource):
    """Gives more than it is asked for."""

    def batches(self, limit):
        return super().batches(limit + 1)


class ForgetsToGoBack(ListSource):
    """When it is opened again it goes on where it is."""

    def __init__(self, items):
        super().__init__(items)
        self._opened = False

    def open(self, position, finished):
        if not self._opened:
            super().open(position, finished)
        self._opened = True


class Raises(ListSource):
    """Takes a bad record for a bad source."""

    def _record(self, item):
        if isinstance(item, Refused):
            raise ValueError("bad record")  # noqa: TRY004 - any error will do
        return super()._record(item)


class OddRefusal(ListSource):
    """Refuses with a word of its own."""

    def _record(self, item):
        record = super()._record(item)
        return replace(record, refusal="strange") if record.refusal else record


@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        (Loses, "loses"),
        (Repeats, "repeats"),
        (Shuffles, "order"),
        (AcknowledgesEarly, "acknowledges"),
        (IgnoresStop, "stop"),
        (NeverEmpty, "empty"),
        (Talks, "leaks"),
        (TalksInTheLog, "leaks"),
        (OddPosition, "position"),
        (TooMany, "limit"),
        (ForgetsToGoBack, "open"),
        (Raises, "raises"),
        (OddRefusal, "refusal"),
    ],
)
def test_a_broken_source_is_caught(kind: Any, rule: str) -> None:
    found = breaches(stand_of(kind), patience_s=0.5)
    assert rule in {one.rule for one in found}, found
    assert not any("Mari" in one.seen for one in found)


def test_what_is_found_is_asserted() -> None:
    with pytest.raises(AssertionError, match="position: a position is not plain JSON"):
        assert_conforms(stand_of(OddPosition))


def test_a_list_source_conforms() -> None:
    assert breaches(stand_of(ListSource)) == []


class Answers(ListSource):
    """Wants the verdicts on each batch before its commit, record by record."""

    def batches(self, limit):
        for self._batch_in_hand in super().batches(limit):
            self._verdicts = None
            yield self._batch_in_hand

    def decided(self, verdicts):
        self._verdicts = [one.reason or one.outcome for one in verdicts]

    def committed(self, position):
        assert self._verdicts == [one.refusal or "published" for one in self._batch_in_hand]
        super().committed(position)


def test_a_source_whose_senders_wait_is_told_the_verdicts_first() -> None:
    assert breaches(stand_of(Answers)) == []


@pytest.mark.parametrize("form", ["ndjson", "csv", "auto"])
def test_the_file_source_conforms(tmp_path: Path, form: str) -> None:
    numbers = itertools.count()

    @contextlib.contextmanager
    def stand() -> Iterator[Stand]:
        inbox = tmp_path / str(next(numbers))
        inbox.mkdir()
        (inbox / "a.ndjson" if form == "ndjson" else inbox / "a.csv").write_text(_rows(0, 7, form))
        (inbox / ("b.csv" if form == "csv" else "b.ndjson")).write_text(_rows(7, 10, "csv" if form == "csv" else "n"))
        yield Stand(lambda: FileDrop(inbox, form, {"poll_seconds": 0.01}), 10, SECRETS)

    assert_conforms(stand)


def _rows(first: int, last: int, form: str) -> str:
    if form in {"ndjson", "n"}:
        return "".join(f'{{"n": {n}, "name": "Mari-{n}"}}\n' if n != 8 else "no JSON\n" for n in range(first, last))
    return "n,name\n" + "".join(f"{n},Mari-{n}\n" if n != 5 else "5\n" for n in range(first, last))
