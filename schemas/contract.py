"""A data contract as Penstock works with it: read from an ODCS v3.1 document and its Avro schema."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .contract_quality import Quality
from .model import duration_ms


class Classification(StrEnum):
    """How far a field may travel. A field without one is restricted."""

    PUBLIC = "public"
    INTERNAL = "internal"
    CONFIDENTIAL = "confidential"
    RESTRICTED = "restricted"


class PersonalData(StrEnum):
    """Which kind of personal data a field is (GDPR Art. 4, 9, 10, 87)."""

    NONE = "none"
    PERSONAL = "personal"
    SPECIAL = "special"
    CRIMINAL = "criminal"
    NATIONAL_ID = "national-id"


@dataclass(frozen=True, slots=True)
class ContractField:
    """One leaf of the Avro schema. `subject` is the path of the field that says whose data it is (None: nobody's)."""

    path: str
    classification: Classification
    personal: PersonalData
    subject: str | None


@dataclass(frozen=True, slots=True)
class DataContract:
    """One dataset's promise. Paths are field paths (see `paths`); `schema` is the Avro schema as parsed JSON.

    `duplicate_window` is an ISO 8601 duration: how long a source's publisher knows a record that is sent again. Without
    it an event id may appear once in a file. `quality_flags` names the field that tells which rules of `quality` an
    event breaks. `drops_unknown`: fields that the contract does not know are left out, else their record is refused.
    """

    id: str
    version: str
    title: str
    provider: str
    event_id: str
    event_time: str
    record_key: str | None
    data_subject: str | None
    fields: Mapping[str, ContractField]
    schema: Mapping[str, Any]
    partitions: int
    retention: str
    duplicate_window: str | None = None
    quality: tuple[Quality, ...] = ()
    quality_flags: str | None = None
    drops_unknown: bool = False

    @property
    def major(self) -> int:
        return int(self.version.split(".", 1)[0])

    @property
    def topic(self) -> str:
        return f"{self.provider}.{self.id}.v{self.major}"

    @property
    def duplicate_window_ms(self) -> int | None:
        return duration_ms(self.duplicate_window) if self.duplicate_window else None

    @property
    def subject_paths(self) -> tuple[str, ...]:
        """Every path that identifies a data subject, the contract's own first."""
        named = {field.subject for field in self.fields.values() if field.subject}
        named.discard(self.data_subject)
        first = (self.data_subject,) if self.data_subject else ()
        return (*first, *sorted(named))
