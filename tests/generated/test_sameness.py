"""Compiled view programs give what the slow path gives, byte for byte, on generated ecosystems and spoilt events.

The slow path is compared with the oracle (`test_differential`). `HYPOTHESIS_PROFILE=fuzz` for longer.
"""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from comparison import Case, cases
from harness import SECRET, WRITER, Lane, Store
from hypothesis import event as tell
from hypothesis import given, settings
from hypothesis import strategies as st
from telling_cases import TELLING

from penstock.processors.compiled import plan, written
from penstock.processors.encrypt import BulkKey
from penstock.processors.keys import subject_reference
from penstock.processors.lane import LaneProgram, Scanned
from penstock.processors.outcome import Input, Outcome
from penstock.processors.served import WorkerKeys
from penstock.schemas.confluent_wire import frame
from penstock.schemas.ecosystem import BackEnd

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
        yield


class Pair:
    """One ecosystem's lane twice: compiled, and the slow path alone."""

    def __init__(self, case: Case, folder: Path) -> None:
        lane = Lane(case.world.write(folder), case.situation.statuses)
        self._case, self._lane = case, lane
        self.writers = {WRITER: lane.contract.schema, WRITER + 1: with_more(lane.contract.schema)}
        held = lane.generation.contracts["data"]
        contracts = {"data": replace(held, writers=self.writers)}
        self._generation = replace(lane.generation, contracts=contracts)
        self.compiled, self.slow = (self._program(back_end) for back_end in ("python", "slow"))

    def _program(self, back_end: BackEnd) -> LaneProgram:
        return LaneProgram(self._generation, "data", WorkerKeys(Store(), "worker"), self._lane.ask, back_end=back_end)

    def records(self) -> list[bytes]:
        """Return each event in the contract's own form, and as a writer with more fields gives it."""
        plain = [self._lane.codec.encode(event) for event in self._case.events]
        return [frame(WRITER, one) for one in plain] + [frame(WRITER + 1, b"\x05" + one + b"\x02x") for one in plain]

    def differences(self, records: list[bytes]) -> list[str]:
        batch = [Input(n % 3, n, record) for n, record in enumerate(records)]
        given_ = {
            subject_reference(SECRET, one) for event in self._case.events for _, one in self._case.consents(event)
        }
        consents = {one["id"]: frozenset(given_) for one in self._case.world.agreements}
        found, wanted = (
            one.process(batch, self._case.situation.at_ms, consents, nonce) for one in (self.compiled, self.slow)
        )
        return unlike(found, wanted)

    def taken(self, record: bytes) -> bool:
        """Say whether the compiled programs take a record as it is."""
        return isinstance(self.compiled._taken(Input(0, 0, record), Outcome()), Scanned)


def with_more(schema):
    """Return a writer's schema with a field before all others and one behind them, which the contract does not know."""
    first, last = {"name": "zz_first", "type": "int"}, {"name": "zz_last", "type": "string"}
    return {**schema, "fields": [first, *schema["fields"], last]}


def unlike(found: Outcome, wanted: Outcome) -> list[str]:
    """Return the names of what differs."""
    names = ("outputs", "refused", "disclosures", "tallies", "unclassified", "unknown_fields")
    return [name for name in names if getattr(found, name) != getattr(wanted, name)]


def spoilt(record: bytes, lot: Random) -> bytes:
    """Return a record with a bit or byte changed, cut short, or with something put in or behind it."""
    at = lot.randrange(len(record))
    match lot.randrange(5):
        case 0:
            return record[:at] + bytes((record[at] ^ 1 << lot.randrange(8),)) + record[at + 1 :]
        case 1:
            return record[:at]
        case 2:
            return record[:at] + bytes((lot.choice([0, 1, 2, 127, 128, 255]),)) + record[at + 1 :]
        case 3:
            return record[:at] + lot.randbytes(lot.randint(1, 3)) + record[at:]
    return record + lot.randbytes(lot.randint(1, 3))


@settings(max_examples=SOME)
@given(cases(lawful=True), st.integers(0, 2**32))
def test_compiled_programs_give_what_the_slow_path_gives(tmp_path_factory, case: Case, seed: int) -> None:
    pair, lot = Pair(case, tmp_path_factory.mktemp("world")), Random(seed)
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
    pair = Pair(case, tmp_path_factory.mktemp("world"))
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
    pair = Pair(told, tmp_path_factory.mktemp("world"))
    assert "outputs" in pair.differences(pair.records())
