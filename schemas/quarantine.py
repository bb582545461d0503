"""The quarantine record: what could not go on, why and where it came from. Sealed as a whole; headers hold no value.

Headers: `penstock.reason`, `penstock.dataset`, `penstock.source` (topic/partition/offset, or file and row),
`penstock.schema_id` and `penstock.agreement` where known, `penstock.bytes`. The digest of the original is inside: a
digest of a small record would let its values be guessed.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

QUARANTINE_SCHEMA: Final[Mapping[str, Any]] = {
    "type": "record",
    "name": "QuarantineRecord",
    "namespace": "penstock",
    "fields": [
        {"name": "reason", "type": "string"},
        {"name": "detail", "type": "string"},
        {"name": "dataset", "type": "string"},
        {"name": "source", "type": "string"},
        {"name": "schema_id", "type": ["null", "int"]},
        {"name": "agreement", "type": ["null", "string"]},
        {"name": "at_ms", "type": "long"},
        {"name": "sha256", "type": "string"},
        {"name": "size", "type": "long"},
        {"name": "original", "type": ["null", "bytes"]},
    ],
}

MAX_ORIGINAL_BYTES = 900_000
"""A larger original is not kept here: its digest, size and place are."""


@dataclass(frozen=True, slots=True)
class QuarantineRecord:
    """A refused record. `detail` names fields and places, never values."""

    reason: str
    detail: str
    dataset: str
    source: str
    schema_id: int | None
    agreement: str | None
    at_ms: int
    original: bytes | None
    sha256: str = ""
    size: int = -1

    def to_avro(self) -> dict[str, Any]:
        """Return the record in the form of QUARANTINE_SCHEMA."""
        original = self.original
        kept = original if original is not None and len(original) <= MAX_ORIGINAL_BYTES else None
        return {
            "reason": self.reason,
            "detail": self.detail,
            "dataset": self.dataset,
            "source": self.source,
            "schema_id": self.schema_id,
            "agreement": self.agreement,
            "at_ms": self.at_ms,
            "sha256": self.digest(),
            "size": self.original_size(),
            "original": kept,
        }

    def digest(self) -> str:
        """Return the SHA-256 of the original, as lower-case hex; empty when nothing of it was read."""
        return self.sha256 or (hashlib.sha256(self.original).hexdigest() if self.original is not None else "")

    def original_size(self) -> int:
        """Return the size of the original in bytes; -1 when unknown."""
        return len(self.original) if self.original is not None else self.size

    def headers(self) -> list[tuple[str, bytes]]:
        """Return what may be read without a key."""
        said = {
            "reason": self.reason,
            "dataset": self.dataset,
            "source": self.source,
            "bytes": str(self.original_size()),
        }
        if self.schema_id is not None:
            said["schema_id"] = str(self.schema_id)
        if self.agreement is not None:
            said["agreement"] = self.agreement
        return [(f"penstock.{name}", text.encode()) for name, text in said.items()]
