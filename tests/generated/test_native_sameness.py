"""The compiled back end gives what the Python back end gives: every byte, every nonce, every account, in order.

The Python back end is compared with the slow path (`test_sameness`). `HYPOTHESIS_PROFILE=fuzz` for longer.
"""

import hashlib
from collections import Counter
from pathlib import Path
from random import Random
from types import SimpleNamespace

import pytest
from comparison import Case, cases
from hypothesis import Phase, find, given, settings
from hypothesis import event as tell
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample
from sameness import Pair, spoilt
from telling_cases import TELLING

from native import native
from penstock.processors.native import program, run
from penstock.processors.native.batch_work import BatchWork
from penstock.processors.native.extension import extension as native_extension
from penstock.processors.nonces import Nonces

__all__ = ["native"]
pytestmark = pytest.mark.timeout(0 if settings().max_examples > 1_000 else 300)
COPIES = 12
FEW, SOME = (settings().max_examples * share // 100 for share in (5, 12))


class Stream:
    """Random bytes that are the same each time, however many are asked for at once."""

    def __init__(self) -> None:
        self._held, self._at = hashlib.shake_256(b"nonces").digest(1_000_000), 0

    def __call__(self, size: int) -> bytes:
        self._at += size
        return self._held[self._at - size : self._at]


@pytest.fixture(autouse=True, scope="module")
def _halves_too():
    """Where a view is left to Python, the extension is not used at all; here it is, to see it stop and go on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BatchWork, "WHOLE_ONLY", False)
        yield


def pair_of(case: Case, folder: Path) -> Pair:
    return Pair(case, folder, ("native", "python"), Stream)


def natively(pair: Pair) -> Counter[bool]:
    """Count the views that the extension has a program for, and those that it has not."""
    programs = pair.compiled._way._programs
    numbers = range(len(pair.compiled.agreements))
    return Counter(programs.knows(writer, view) for writer in range(len(programs.writers)) for view in numbers)


@settings(max_examples=SOME)
@given(cases(lawful=True), st.integers(0, 2**32))
def test_the_compiled_back_end_gives_what_python_gives(tmp_path_factory, case: Case, seed: int) -> None:
    pair, lot = pair_of(case, tmp_path_factory.mktemp("world")), Random(seed)
    whole = pair.records()
    bad = [spoilt(record, lot) for record in whole for _ in range(COPIES)]
    mixed = lot.sample([*whole, *bad], len(whole) + len(bad))
    assert pair.differences(whole) == []
    assert pair.differences(bad) == []
    assert pair.differences(mixed) == []
    tell(f"views that are made by the extension: {natively(pair)[True] > 0}")
    tell(f"views that are left to Python: {natively(pair)[False] > 0}")


@settings(max_examples=FEW)
@given(cases(lawful=False))
def test_whatever_the_documents_permit(tmp_path_factory, case: Case) -> None:
    pair = pair_of(case, tmp_path_factory.mktemp("world"))
    assert pair.differences(pair.records()) == []


def test_where_a_view_is_left_to_python_all_are(tmp_path_factory, monkeypatch) -> None:
    monkeypatch.setattr(BatchWork, "WHOLE_ONLY", True)
    ran, go = [], run.Run.go
    monkeypatch.setattr(run.Run, "go", lambda made, outcome: ran.append(True) or go(made, outcome))

    def is_half(case: Case) -> bool:
        pair = pair_of(case, tmp_path_factory.mktemp("world"))
        ran.clear()
        assert pair.differences(pair.records()) == []
        return natively(pair)[False] > 0

    find(cases(lawful=True), is_half, settings=settings(max_examples=1_000, derandomize=True, phases=[Phase.generate]))
    assert ran == []


def test_it_goes_on_behind_what_it_leaves_to_python(tmp_path_factory, monkeypatch) -> None:
    monkeypatch.setattr(run, "MOST", 3)
    for _, case in TELLING.values():
        pair = pair_of(case, tmp_path_factory.mktemp("world"))
        assert pair.differences(pair.records() * 3) == []


def test_where_nonces_were_too_few_it_goes_on_with_more(tmp_path_factory, monkeypatch) -> None:
    monkeypatch.setattr(run, "INSIDE", 1)
    short, some = [], run.Run._some

    def told(*about):
        event, view, for_want = some(*about)
        short.append(for_want)
        return event, view, for_want

    monkeypatch.setattr(run.Run, "_some", told)
    for _, case in TELLING.values():
        pair = pair_of(case, tmp_path_factory.mktemp("world"))
        assert pair.differences(pair.records() * 3) == []
    assert True in short


def test_a_wrong_step_inside_of_a_part_is_found_out(tmp_path_factory, monkeypatch) -> None:
    """Where a field lies is part of what its bytes are bound to: a fault is planted in the path."""
    honest = program._ViewData._remade

    def careless(self, one):
        word, place, path, step = honest(self, one)
        return word, place, path + b"\0\0\0\1x", step

    monkeypatch.setattr(program._ViewData, "_remade", careless)
    _, case = next(one for one in TELLING.values() if one[1].world.agreements)
    pair = pair_of(case, tmp_path_factory.mktemp("world"))
    assert pair.differences(pair.records()) == ["outputs"]


class Miscounting:
    """The extension, but for what it says of nonces: that it took none."""

    def __init__(self, *words) -> None:
        self._making = native_extension().Making(*words)
        self.forget = self._making.forget

    def run(self, place, end, nonces, keys):
        records, event, view, _, _, counts, sealed, short = self._making.run(place, end, nonces, keys)
        return records, event, view, 0, [key[3] if key else 0 for key in keys], counts, sealed, short


def test_nonces_that_were_taken_and_not_counted_are_not_given_out_again(tmp_path_factory, monkeypatch) -> None:
    monkeypatch.setattr(run, "extension", lambda: SimpleNamespace(Making=Miscounting))

    def is_refused(case: Case) -> bool:
        pair = pair_of(case, tmp_path_factory.mktemp("world"))
        try:
            pair.differences(pair.records())
        except RuntimeError as miscounted:
            return "nonces" in str(miscounted)
        return False

    find(cases(lawful=True), is_refused, settings=settings(max_examples=100, phases=[Phase.generate]))


def found_out(tmp_path_factory) -> bool:
    """Say whether some generated ecosystem shows a difference in what is released."""

    def differs(case: Case) -> bool:
        pair = pair_of(case, tmp_path_factory.mktemp("world"))
        return "outputs" in pair.differences(pair.records())

    try:
        find(cases(lawful=True), differs, settings=settings(max_examples=100, phases=[Phase.generate]))
    except NoSuchExample:
        return False
    return True


def test_a_program_that_copies_one_part_too_many_is_found_out(tmp_path_factory, monkeypatch) -> None:
    """The comparison itself is tested: a fault is planted in what the extension is given."""
    honest = program._ViewData._op

    def careless(self, one):
        found = honest(self, one)
        last = max(self._fields.written.places.values())
        return ("copy", found[1], min(found[2] + 1, last)) if found[0] == "copy" else found

    monkeypatch.setattr(program._ViewData, "_op", careless)
    assert found_out(tmp_path_factory)


def test_one_bit_of_a_key_is_found_out(tmp_path_factory, monkeypatch) -> None:
    honest = run.Run._making

    def careless(made):
        made._keys = [[[one and other(one) for one in column] for column in view] for view in made._keys]
        return honest(made)

    monkeypatch.setattr(run.Run, "_making", careless)
    assert found_out(tmp_path_factory)


def other(key):
    return key._replace(key=bytes((key.key[0] ^ 1,)) + key.key[1:])


def test_nonces_in_another_order_are_found_out(tmp_path_factory, monkeypatch) -> None:
    honest = Nonces.many

    def careless(self, count):
        drawn = honest(self, count)
        return drawn[12:] + drawn[:12]

    monkeypatch.setattr(Nonces, "many", careless)
    assert found_out(tmp_path_factory)
