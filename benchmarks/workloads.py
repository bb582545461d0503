"""W0 and W1: the documents in `documents/`, put in force, and events that are the same with every run.

W0, the dataset `grants`: nobody's personal data. Three recipients, the same two fields encrypted for each, one noised
for one of them. W1, the dataset `benefits`: two agreements that each encrypt two fields under the payee's own keys and
noise one (the second omits a field), a third that lets half of the events through with a pseudonym and one encrypted
field; event ids and record keys re-keyed, a disclosure record for each event.

99 of 100 events are about one of WARM_SUBJECTS; the others each about somebody new.
"""

import functools
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from order import payee_id

from penstock.ops.documents.load import Documents, load
from penstock.schemas.agreement import Agreement
from penstock.schemas.confluent_wire import frame
from penstock.schemas.generation import AgreementInForce, ContractInForce, Generation
from penstock.schemas.lanes import LANE_VIEWS
from penstock.schemas.safeguard import Safeguard
from penstock.schemas.view_label import view_schema_of

DOCUMENTS = Path(__file__).with_name("documents")
DATASETS = {"w0": "grants", "w1": "benefits"}
ECOSYSTEM = "bench"
WRITER_ID = 1
FIRST_VIEW_ID = 10
WARM_SUBJECTS = 100_000
COLD_ONE_IN = 100
FIRST_MS = 1_767_225_600_000
REGIONS = ("north", "south")
CENTS_MOST = 1_000_000
BARE_BYTES = 95
"""An event without name, address and remark."""


@functools.cache
def documents() -> Documents:
    return load(DOCUMENTS)


@dataclass(frozen=True, slots=True)
class Workload:
    """One dataset's documents in force."""

    name: str
    generation: Generation

    @property
    def dataset(self) -> str:
        return DATASETS[self.name]

    @property
    def in_force(self) -> ContractInForce:
        return self.generation.contracts[self.dataset]

    @property
    def topic(self) -> str:
        return self.in_force.contract.topic

    @property
    def partitions(self) -> int:
        return self.in_force.contract.partitions

    @property
    def views(self) -> Mapping[str, AgreementInForce]:
        """The agreements, by the topic of their view."""
        return {one.view_topic: one for one in self.generation.of_dataset(self.dataset)}

    @property
    def personal(self) -> bool:
        return self.in_force.contract.data_subject is not None


def workload(name: str, agreements: Mapping[str, Agreement] | None = None) -> Workload:
    """Return W0 or W1; with `agreements`, these instead of the documents' own."""
    held, dataset = documents(), DATASETS[name]
    contract = held.contracts[dataset]
    chosen = agreements or {key: one for key, one in held.agreements.items() if one.dataset == dataset}
    views = {
        key: AgreementInForce(
            one,
            "",
            "in_force",
            signed=True,
            view_topic=one.view_topic,
            view_schema_id=FIRST_VIEW_ID + number,
            view_schema=view_schema_of(contract, one),
            lane=number // LANE_VIEWS,
        )
        for number, (key, one) in enumerate(sorted(chosen.items()))
    }
    writers = ContractInForce(contract, "", {WRITER_ID: contract.schema})
    return Workload(name, Generation(1, 0, ECOSYSTEM, held.charter, {dataset: writers}, views))


def copies(name: str, of: str, count: int, fields: Mapping[str, Safeguard] | None = None) -> Workload:
    """Return the workload with `count` agreements like the one called `of`, but for `fields`; each has its own view."""
    like = documents().agreements[of]
    same = {"fields": {**like.fields, **(fields or {})}}
    return workload(
        name, {f"{of}-{n:03}": like.model_copy(update={"id": f"{of}-{n:03}", **same}) for n in range(count)}
    )


@dataclass(frozen=True, slots=True)
class Payment:
    """One event: who it is about, and its framed Avro bytes."""

    payee: str
    value: bytes


def payments(count: int, *, first: int = 0, warm: int = WARM_SUBJECTS, size: int = 0) -> Iterator[Payment]:
    """Yield the events from number `first` on. `size`: about so many bytes each; 0: as they come, 256 on average."""
    for number in range(first, first + count):
        yield payment(number, warm, size)


def payment(number: int, warm: int = WARM_SUBJECTS, size: int = 0) -> Payment:
    """Return event `number`: whatever it holds follows from that."""
    dice = random.Random(number)  # noqa: S311 - measured, not kept secret
    payee = payee_id(dice.randrange(warm)) if number % COLD_ONE_IN else f"new-{number:012}"
    gross = dice.randrange(CENTS_MOST)
    tax = gross * dice.randrange(10, 40) // 100
    name, address = _text(dice, 12, 100), _text(dice, 30, 120)
    remark = "" if number % 3 else _text(dice, 12, 90)
    if size:
        name, address = (name, address) if size > BARE_BYTES + len(name) + len(address) else ("", "")
        remark = _long_text(number, size - BARE_BYTES - len(name) - len(address))
    body = b"".join(
        (
            _string(f"{number:032x}"),
            _long(FIRST_MS + number * 20),
            _string(payee),
            _string(name),
            _string(address),
            _string(f"office-{number % 40:03}"),
            _string(REGIONS[dice.randrange(2)]),
            _long(dice.randrange(4)),
            _long(gross),
            _long(tax),
            _long(gross - tax),
            _string("EUR"),
            b"\x02" + _string(remark) if remark else b"\x00",
        )
    )
    return Payment(payee, frame(WRITER_ID, body))


_LETTERS = "abcdefghijklmnopqrstuvwxyz aeiou õäöü"
_POOL = "".join(random.Random(7).choices(_LETTERS, k=4096))  # noqa: S311 - as above


def _text(dice: random.Random, least: int, most: int) -> str:
    start = dice.randrange(len(_POOL) - most)
    return _POOL[start : start + dice.randrange(least, most)]


def _long_text(number: int, size: int) -> str:
    """Return text that hardly compresses, as records of people's data do not."""
    return random.Random(number).randbytes(max(0, size) // 2).hex()  # noqa: S311 - as above


def _string(text: str) -> bytes:
    raw = text.encode()
    return _long(len(raw)) + raw


def _long(number: int) -> bytes:
    """Return Avro's long: zigzag, seven bits a byte, the lowest first."""
    left = number << 1 ^ number >> 63
    out = bytearray()
    while left > 0x7F:
        out.append(left & 0x7F | 0x80)
        left >>= 7
    out.append(left)
    return bytes(out)
