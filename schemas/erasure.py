"""Erasure: the order that every worker acts on, and the steps of a case.

An order lies on the consents topic beside what data subjects say, under the key `/erasure/` and the case: no id of an
agreement begins with a slash. A step lies on the erasures topic under its case. Values: the frame of `versioned`. A
data subject is named by keyed references alone, an official by a name in office.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from .errors import RecordError
from .reasons import Refusal
from .versioned import as_text, as_whole, pack, unpack

ORDER, STEP = "erasure", "erasure_step"
Kind = Literal["requested", "held", "freed", "granted", "refused", "approved", "destroyed", "noticed", "received"]


@dataclass(frozen=True, slots=True)
class ErasureOrder:
    """Destroy what there is of `subjects` (keyed references) as of this record's offset.

    `store`: what the store's own progress was when this was written; a store that says less is an older copy.
    """

    case: str
    subjects: tuple[bytes, ...]
    store: int
    at_ms: int

    def key(self) -> bytes:
        return f"/erasure/{self.case}".encode()

    def to_value(self) -> bytes:
        subjects = [one.hex() for one in self.subjects]
        said = {"case": self.case, "subjects": subjects, "store": self.store, "at_ms": self.at_ms}
        return pack({"kind": ORDER, **said})


@dataclass(frozen=True, slots=True)
class Ordered:
    """An order and the offset at which it lies: what orders everything that is done about it."""

    offset: int
    order: ErasureOrder


@dataclass(frozen=True, slots=True)
class CaseStep:
    """One step of a case, in the order of its topic. What a kind of step has nothing to say about is empty.

    `by`: who took it, a name in office or a member. `requested`: `subjects` (keyed references in hex). `held`,
    `refused`: `ground`. `destroyed`: `agreements` and `domains` in which there was something, `acknowledged` and
    `fenced` slots. `noticed`: `recipient`, `digest` (of the notice) and `due_ms`. `received`: `by` is the recipient,
    `digest` that of its notice, `outcome` (`erased`, `kept`), `ground`, `key` and `signature` those of its receipt.
    """

    case: str
    kind: Kind
    at_ms: int
    by: str
    subjects: tuple[str, ...] = ()
    ground: str = ""
    agreements: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    acknowledged: tuple[str, ...] = ()
    fenced: tuple[str, ...] = ()
    recipient: str = ""
    digest: str = ""
    due_ms: int = 0
    outcome: str = ""
    key: str = ""
    signature: str = ""

    def to_value(self) -> bytes:
        said = {name: value for name, value in asdict(self).items() if value or name in {"at_ms", "by"}}
        step = said.pop("kind")
        return pack({"kind": STEP, "step": step, **said})


_LISTS = frozenset(("subjects", "agreements", "domains", "acknowledged", "fenced"))
_NUMBERS = frozenset(("at_ms", "due_ms"))
_NAMES = frozenset(CaseStep.__dataclass_fields__) - {"kind"}


def order_from(value: bytes | None) -> ErasureOrder:
    """Return the order of a record's value. Raises RecordError for anything else."""
    record: Any = unpack(value)
    try:
        if record["kind"] == ORDER and record["subjects"]:
            subjects = tuple(bytes.fromhex(one) for one in record["subjects"])
            return ErasureOrder(as_text(record["case"]), subjects, as_whole(record["store"]), as_whole(record["at_ms"]))
    except (KeyError, TypeError, ValueError):
        pass
    raise RecordError(Refusal.FRAMING, "not an erasure order")


def step_from(value: bytes | None) -> CaseStep:
    """Return the step of a record's value. Raises RecordError for anything else, unknown keys included."""
    record: Any = unpack(value)
    try:
        if record.pop("kind") == STEP and record.keys() - {"step"} <= _NAMES:
            kind = record.pop("step")
            if kind in get_args(Kind):
                return CaseStep(kind=kind, **{name: _said(name, said) for name, said in record.items()})
    except (KeyError, TypeError, AttributeError):
        pass
    raise RecordError(Refusal.FRAMING, "not a step of an erasure case")


def _said(name: str, said: Any) -> Any:
    if name in _LISTS:
        return tuple(map(as_text, said))
    return as_whole(said) if name in _NUMBERS else as_text(said)
