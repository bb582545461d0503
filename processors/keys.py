"""Derivations: what follows from secrets, each bound to its context.

Every derivation is keyed BLAKE2b over parts that are each preceded by their length (four bytes, big-endian), the first
being a label of ours; so no two contexts give the same input (docs/wire.md).
"""

import hashlib
from itertools import product

from ..schemas.encrypted import framed, framed_one

REFERENCE_BYTES = 16
KEY_BYTES = 32
_EVENT_ID = framed((b"penstock event id 1",))
_SUBJECT = framed((b"penstock subject 1",))
_PAIRS = tuple(map("".join, product("abcdefghijklmnopqrstuvwxyz234567", repeat=2)))


def derived(secret: bytes, size: int, *parts: bytes) -> bytes:
    """Return `size` bytes that follow from a 32-byte secret and `parts`."""
    return derived_from(secret, size, framed(parts))


def derived_from(secret: bytes, size: int, parts: bytes) -> bytes:
    """As `derived`, from parts that are framed already."""
    if len(secret) != KEY_BYTES:
        raise ValueError("a secret has 32 bytes")
    return hashlib.blake2b(parts, digest_size=size, key=secret).digest()


def subject_reference(secret: bytes, text: str | bytes) -> bytes:
    """Return the keyed reference (16 bytes) of the data subject that an identifier (text, or its UTF-8 bytes) names."""
    raw = text.encode() if isinstance(text, str) else text
    return derived_from(secret, REFERENCE_BYTES, _SUBJECT + framed_one(raw))


def agreement_key(dek: bytes, agreement: str, version: int = 1) -> bytes:
    """Return the AES-256 key of one agreement and key version, from the key of a data subject in its domain."""
    return derived(dek, KEY_BYTES, b"penstock agreement key 1", agreement.encode(), version.to_bytes(4, "big"))


def rekeyed_event_id(rekey: bytes, event_id: str) -> str:
    """Return an event id for one linkage domain: 26 characters that lead back to nothing without `rekey`."""
    return base32(derived_from(rekey, REFERENCE_BYTES, _EVENT_ID + framed_one(event_id.encode())))


def base32(raw: bytes) -> str:
    """Return 16 bytes in base 32 (RFC 4648), lower case and without padding: 26 characters.

    Two characters at a time out of a table: the library's way costs four times as much, once an event and recipient.
    """
    n, pairs = int.from_bytes(raw, "big") << 2, _PAIRS
    return (
        f"{pairs[n >> 120]}{pairs[n >> 110 & 1023]}{pairs[n >> 100 & 1023]}{pairs[n >> 90 & 1023]}"
        f"{pairs[n >> 80 & 1023]}{pairs[n >> 70 & 1023]}{pairs[n >> 60 & 1023]}{pairs[n >> 50 & 1023]}"
        f"{pairs[n >> 40 & 1023]}{pairs[n >> 30 & 1023]}{pairs[n >> 20 & 1023]}{pairs[n >> 10 & 1023]}{pairs[n & 1023]}"
    )
