"""Two back ends side by side: the same ecosystem, events whole and spoilt, and what differs in what follows."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

from comparison import Case
from harness import SECRET, WRITER, Lane, Store

from penstock.processors.keys import subject_reference
from penstock.processors.lane import LaneProgram, Scanned
from penstock.processors.outcome import Input, Outcome
from penstock.processors.served import WorkerKeys
from penstock.schemas.confluent_wire import frame
from penstock.schemas.ecosystem import BackEnd


class Pair:
    """One ecosystem's lane twice. `nonces` makes the nonces that each of them draws from."""

    def __init__(
        self,
        case: Case,
        folder: Path,
        back_ends: tuple[BackEnd, BackEnd],
        nonces: Callable[[], Callable[[int], bytes]],
    ) -> None:
        lane = Lane(case.world.write(folder), case.situation.statuses)
        self._case, self._lane = case, lane
        self.writers = {WRITER: lane.contract.schema, WRITER + 1: with_more(lane.contract.schema)}
        held = lane.generation.contracts["data"]
        contracts = {"data": replace(held, writers=self.writers)}
        self._generation = replace(lane.generation, contracts=contracts)
        self._nonces = nonces
        self.compiled, self.judge = map(self._program, back_ends)

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
            one.process(batch, self._case.situation.at_ms, consents, self._nonces())
            for one in (self.compiled, self.judge)
        )
        return unlike(found, wanted)

    def taken(self, record: bytes) -> bool:
        """Say whether the compiled programs take a record as it is."""
        return isinstance(self.compiled.work.taken(Input(0, 0, record), Outcome()), Scanned)


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
