"""The consent record: a data subject's yes or no to one agreement.

Key: agreement id, `/`, the subject's keyed reference in hex: the topic is compacted, the last word stands.
Value: the frame of `versioned`. The subject's identifier is never in it.
"""

from dataclasses import dataclass
from typing import Any

from .errors import RecordError
from .reasons import Refusal
from .versioned import as_text, pack, unpack

KIND = "consent"


@dataclass(frozen=True, slots=True)
class ConsentRecord:
    """`given` is False once consent is withdrawn. `subject` is the keyed reference (16 bytes)."""

    agreement: str
    subject: bytes
    given: bool
    at_ms: int

    def key(self) -> bytes:
        return f"{self.agreement}/{self.subject.hex()}".encode()

    def to_value(self) -> bytes:
        return pack(
            {
                "kind": KIND,
                "agreement": self.agreement,
                "subject": self.subject.hex(),
                "given": self.given,
                "at_ms": self.at_ms,
            }
        )


def consent_from(value: bytes | None) -> ConsentRecord:
    """Return the consent of a record's value. Raises RecordError for anything else."""
    record: Any = unpack(value)
    if not isinstance(record, dict) or record.get("kind") != KIND or not isinstance(record.get("given"), bool):
        raise RecordError(Refusal.FRAMING, "not a consent record")
    try:
        return ConsentRecord(
            as_text(record["agreement"]), bytes.fromhex(record["subject"]), record["given"], int(record["at_ms"])
        )
    except (KeyError, TypeError, ValueError):
        raise RecordError(Refusal.FRAMING, "not a consent record") from None
