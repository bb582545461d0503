"""Confluent wire format, version 0: a zero byte, the schema's id in four bytes big-endian, the Avro value."""

import struct

from .errors import RecordError
from .reasons import Refusal

_HEAD = struct.Struct(">bi")
_MAGIC = 0
HEAD_BYTES = _HEAD.size


def frame(schema_id: int, payload: bytes) -> bytes:
    """Return `payload` behind its head."""
    return _HEAD.pack(_MAGIC, schema_id) + payload


def claimed_schema_id(data: bytes | None) -> int | None:
    """Return the schema id of a record that may be anything; None where it is not framed."""
    try:
        return unframe(data)[0]
    except RecordError:
        return None


def unframe(data: bytes | None) -> tuple[int, bytes]:
    """Return (schema id, payload). Raises RecordError (`framing`) for a tombstone or anything without that head."""
    if data is None or len(data) < _HEAD.size:
        raise RecordError(Refusal.FRAMING, "the record is too short for Confluent wire format")
    magic, schema_id = _HEAD.unpack_from(data)
    if magic != _MAGIC or schema_id < 0:
        raise RecordError(Refusal.FRAMING, "the record is not in Confluent wire format version 0")
    return schema_id, data[_HEAD.size :]
