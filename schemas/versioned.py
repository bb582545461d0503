"""The frame of every record in a `penstock.*` topic: one version byte, then canonical JSON."""

import json
from typing import Any

from .canonical import canonical
from .errors import RecordError
from .reasons import Refusal

VERSION = 1


def pack(value: Any) -> bytes:
    """Return `value` in the frame, version 1."""
    return bytes((VERSION,)) + canonical(value)


def unpack(data: bytes | None) -> Any:
    """Return what `pack` was given. Raises RecordError (`framing`) for another version or anything that is no JSON."""
    if not data or data[0] != VERSION:
        raise RecordError(Refusal.FRAMING, "not a version 1 record", remedy="a newer Penstock wrote it: upgrade")
    try:
        return json.loads(data[1:])
    except (ValueError, RecursionError):
        # From None: the parser's message quotes what it could not read.
        raise RecordError(Refusal.FRAMING, "the record's body is not JSON") from None


def as_text(value: Any) -> str:
    """Return a text of a record's body. Raises TypeError for anything else."""
    if not isinstance(value, str):
        raise TypeError("not text")
    return value


def as_whole(value: Any) -> int:
    """Return a whole number of a record's body. Raises TypeError for anything else, yes and no included."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError("not a whole number")
    return value
