"""Compiled view programs give what the slow path gives, byte for byte, on generated ecosystems and spoilt events.

The slow path is compared with the oracle (`test_differential`). `HYPOTHESIS_PROFILE=fuzz` for longer.
"""

from collections import Counter
from dataclasses import replace
from itertools import repeat
from pathlib import Path
from random import Random

import pytest
from comparison import Case, cases
from hypothesis import event as tell
from hypothesis import given, settings
from hypothesis import strategies as st
from sameness import Pair, spoilt
from telling_cases import TELLING

from penstock.processors.compiled import plan, written
from penstock.processors.encrypt import BulkKey, BulkUses

pytestmark = pytest.mark.timeout(0 if settings().max_examples > 1_000 else 300)
COPIES = 12
FEW, SOME = (settings().max_examples * share // 100 for share in (5, 12))


def nonce(size: int) -> bytes:
    """Always the same, so that it does not matter who draws in which order. For tests alone."""
    return b"\x07" * size


@pytest.fixture(autouse=True, scope="module")
def every_nonce_the_same():
    """A nonce that was drawn for nothing, before the slow path had the word, is not to matter either."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BulkKey, "nonce", lambda _, size: nonce(size))
        patch.setattr(BulkUses, "_nonces", lambda _: iter([repeat(nonce(12))]))
        yield


def pair_of(case: Case, folder: Path) -> Pair:
    return Pair(case, folder, ("python", "slow"), lambda: nonce)


@settings(max_examples=SOME)
@given(cases(lawful=True), st.integers(0, 2**32))
def test_compiled_programs_give_what_the_slow_path_gives(tmp_path_factory, case: Case, seed: int) -> None:
    pair, lot = pair_of(case, tmp_path_factory.mktemp("world")), Random(seed)
    whole = pair.records()
    bad = [spoilt(record, lot) for record in whole for _ in range(COPIES)]
    taken = Counter(pair.taken(record) for record in whole)
    tell(f"whole events that are taken: {taken[True] > 0}")
    tell(f"spoilt events that are taken: {any(pair.taken(record) for record in bad)}")
    assert pair.differences(whole) == []
    assert pair.differences(bad) == []


@settings(max_examples=FEW)
@given(cases(lawful=False))
def test_whatever_the_documents_permit(tmp_path_factory, case: Case) -> None:
    pair = pair_of(case, tmp_path_factory.mktemp("world"))
    assert pair.differences(pair.records()) == []


def test_a_program_that_copies_one_part_too_many_is_found_out(tmp_path_factory, monkeypatch) -> None:
    """The comparison itself is tested: a fault is planted in the plan of a view."""
    honest = plan.plan_view

    def careless(*about):
        found = honest(*about)
        at, one = next((n, one) for n, one in enumerate(found.ops) if isinstance(one, plan.Copy))
        return replace(found, ops=(*found.ops[:at], plan.Copy(one.first, one.last + 1), *found.ops[at + 1 :]))

    monkeypatch.setattr(written, "plan_view", careless)
    told = next(case for _, case in TELLING.values() if case.world.agreements)
    pair = pair_of(told, tmp_path_factory.mktemp("world"))
    assert "outputs" in pair.differences(pair.records())
