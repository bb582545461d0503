"""The disclosure record: what became of one personal event, for one of its data subjects (GDPR Art. 15(1)(c)).

Key: the keyed reference of the subject, 16 bytes. Value: the frame of `versioned`. No field values.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


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
