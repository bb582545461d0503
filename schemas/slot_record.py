"""What is said of an exchange slot: up to where it acts on changes, and that it is gone.

Keys: the slot's transactional id; the same and `/gone`. The topic is compacted, the last word stands. Values: the frame
of `versioned`.
"""

from dataclasses import asdict, dataclass
from typing import Any

from .errors import RecordError
from .reasons import Refusal
from .versioned import as_text, as_whole, pack, unpack

SLOT, GONE = "slot", "gone"


@dataclass(frozen=True, slots=True)
class SlotPlace:
    """Which slot: its transactional id, its dataset, its lane's group; `epoch`: when this incarnation began, in ms.

    An empty dataset is one that is not known.
    """

    slot: str
    dataset: str
    group: str
    epoch: int


@dataclass(frozen=True, slots=True)
class SlotRecord:
    """A slot's word: nothing that it decided before it knew all this is open, or will still be committed.

    `consent_offset` is that of the last consent known, -1 before the first.
    """

    place: SlotPlace
    generation: int
    consent_offset: int

    def key(self) -> bytes:
        return self.place.slot.encode()

    def to_value(self) -> bytes:
        said = {"generation": self.generation, "consent_offset": self.consent_offset}
        return pack({"kind": SLOT, **asdict(self.place), **said})


@dataclass(frozen=True, slots=True)
class GoneRecord:
    """A slot left in order or was fenced: nothing of it is open any more, if its last word is still that at `offset`.

    So a slot that is back, or was never gone, counts again from its next word on, whoever wrote this and when.
    """

    slot: str
    offset: int

    def key(self) -> bytes:
        return f"{self.slot}/gone".encode()

    def to_value(self) -> bytes:
        return pack({"kind": GONE, **asdict(self)})


def slot_record_from(value: bytes | None) -> SlotRecord | GoneRecord:
    """Return what a record's value says. Raises RecordError for anything else."""
    record: Any = unpack(value)
    try:
        if record["kind"] == GONE:
            return GoneRecord(as_text(record["slot"]), as_whole(record["offset"]))
        if record["kind"] == SLOT:
            names = {name: as_text(record[name]) for name in ("slot", "dataset", "group")}
            place = SlotPlace(**names, epoch=as_whole(record["epoch"]))
            return SlotRecord(place, as_whole(record["generation"]), as_whole(record["consent_offset"]))
    except (KeyError, TypeError):
        pass
    raise RecordError(Refusal.FRAMING, "not a slot record")
