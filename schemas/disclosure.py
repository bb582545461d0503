"""The disclosure record: what became of one personal event, for one of its data subjects (GDPR Art. 15(1)(c)).

Key: the keyed reference of the subject, 16 bytes. Value: the frame of `versioned`. No field values.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .canonical import canonical
from .versioned import VERSION


@dataclass(frozen=True, slots=True)
class DisclosureRecord:
    """`decisions` says, by agreement, `released`, `quarantined` or the reason code of a withholding."""

    subject: bytes
    dataset: str
    source: str
    at_ms: int
    generation: int
    decisions: Mapping[str, str]

    def to_record(self) -> dict[str, Any]:
        """Return the record as plain JSON."""
        return {
            "kind": "disclosure",
            "subject": self.subject.hex(),
            "dataset": self.dataset,
            "source": self.source,
            "at_ms": self.at_ms,
            "generation": self.generation,
            "decisions": dict(self.decisions),
        }


class DisclosureForm:
    """The disclosure records of one batch: what they have in common is written once.

    `value` gives the very bytes that `pack(DisclosureRecord(…).to_record())` gives.
    """

    def __init__(self, dataset: str, topic: str, at_ms: int, generation: int) -> None:
        place = canonical(f"{topic}/")[:-1]
        self._start = bytes((VERSION,)) + b'{"at_ms":%d,"dataset":%b,"decisions":' % (at_ms, canonical(dataset))
        self._middle = b',"generation":%d,"kind":"disclosure","source":%b' % (generation, place)
        self._said: dict[tuple[str, ...], bytes] = {}

    def value(self, subject: bytes, partition: int, offset: int, decisions: Mapping[str, str]) -> bytes:
        """Return one record's value. `decisions` has the same agreements in the same order for the whole batch."""
        said = tuple(decisions.values())
        start = self._said.get(said)
        if start is None:
            start = self._said[said] = self._start + canonical(dict(decisions)) + self._middle
        return b'%b%d/%d","subject":"%b"}' % (start, partition, offset, subject.hex().encode())
