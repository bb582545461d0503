"""Records of the `_schemas` topic, in the form that Confluent's registry writes and reads: JSON keys and values.

The order of a key's properties is part of the form: compaction compares keys byte by byte.
"""

import json
from dataclasses import dataclass
from typing import Any

from .errors import RecordError
from .reasons import Refusal


@dataclass(frozen=True, slots=True)
class RegistryRecord:
    """A record of the topic; no value is a tombstone."""

    key: bytes
    value: bytes | None


def schema_record(subject: str, version: int, schema_id: int, schema: str, *, deleted: bool = False) -> RegistryRecord:
    """Return a version of a subject; written again with `deleted` when it is deleted softly."""
    value = {"subject": subject, "version": version, "id": schema_id, "schema": schema, "deleted": deleted}
    return RegistryRecord(_schema_key(subject, version), _json(value))


def schema_tombstone(subject: str, version: int) -> RegistryRecord:
    """Return the permanent end of a version."""
    return RegistryRecord(_schema_key(subject, version), None)


def config_record(subject: str | None, level: str | None) -> RegistryRecord:
    """Return a subject's compatibility mode (no subject: everybody's); no level takes it back."""
    return RegistryRecord(_key("CONFIG", subject), None if level is None else _json({"compatibilityLevel": level}))


def mode_record(subject: str | None, mode: str | None) -> RegistryRecord:
    """Return a subject's mode (no subject: everybody's); no mode takes it back."""
    return RegistryRecord(_key("MODE", subject), None if mode is None else _json({"mode": mode}))


def delete_subject_record(subject: str, version: int) -> RegistryRecord:
    """Return the soft deletion of a subject's versions up to `version`."""
    return RegistryRecord(_key("DELETE_SUBJECT", subject), _json({"subject": subject, "version": version}))


def highest_id_record(schema_id: int) -> RegistryRecord:
    """Return a NOOP that remembers the highest id ever given, so that a purged id is never given again.

    Confluent's registry reads no value of a NOOP, so its topic stays readable to it.
    """
    return RegistryRecord(_json({"keytype": "NOOP", "magic": 0}), _json({"highestId": schema_id}))


def read(record: RegistryRecord) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Return key and value as JSON objects. Raises RecordError (`framing`) for anything else."""
    try:
        key = json.loads(record.key)
        value = json.loads(record.value) if record.value else None
    except (ValueError, RecursionError):
        raise RecordError(Refusal.FRAMING, "the record is not JSON") from None
    if not isinstance(key, dict) or not isinstance(value, dict | None):
        raise RecordError(Refusal.FRAMING, "the record is no JSON object")
    return key, value


def _schema_key(subject: str, version: int) -> bytes:
    return _json({"keytype": "SCHEMA", "subject": subject, "version": version, "magic": 1})


def _key(kind: str, subject: str | None) -> bytes:
    return _json({"keytype": kind, **({} if subject is None else {"subject": subject}), "magic": 0})


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
