"""Canonical JSON: one value, one byte string, so that digests and signatures mean something (RFC 8785)."""

import hashlib
import json
from typing import Any


def canonical(value: Any) -> bytes:
    """Return `value` as JSON with sorted keys, no spaces, UTF-8.

    Holds RFC 8785 for what documents and records use: text, booleans, null, integers below 2^53 and finite floats that
    Python and ECMAScript print alike. Raises ValueError for NaN and infinities.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def digest(value: Any) -> str:
    """Return the SHA-256 of the canonical JSON of `value`, as lower-case hex."""
    return hashlib.sha256(canonical(value)).hexdigest()
