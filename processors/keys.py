"""Derivations: what follows from secrets, each bound to its context.

Every derivation is keyed BLAKE2b over parts that are each preceded by their length (four bytes, big-endian), the first
being a label of ours; so no two contexts give the same input (docs/wire.md).
"""

from collections.abc import Callable
from hashlib import blake2b
from itertools import product

from ..schemas.encrypted import framed, framed_one

REFERENCE_BYTES = 16
KEY_BYTES = 32
_EVENT_ID = framed((b"penstock event id 1",))
_SUBJECT = framed((b"penstock subject 1",))
_PAIRS, _TRIPLES = (tuple(map("".join, product("abcdefghijklmnopqrstuvwxyz234567", repeat=n))) for n in (2, 3))


def derived(secret: bytes, size: int, *parts: bytes) -> bytes:
    """Return `size` bytes that follow from a 32-byte secret and `parts`."""
    return derived_from(secret, size, framed(parts))


def derived_from(secret: bytes, size: int, parts: bytes) -> bytes:
    """As `derived`, from parts that are framed already."""
    if len(secret) != KEY_BYTES:
        raise ValueError("a secret has 32 bytes")
    return blake2b(parts, digest_size=size, key=secret).digest()


def subject_reference(secret: bytes, text: str | bytes) -> bytes:
    """Return the keyed reference (16 bytes) of the data subject that an identifier (text, or its UTF-8 bytes) names."""
    raw = text.encode() if isinstance(text, str) else text
    return derived_from(secret, REFERENCE_BYTES, _SUBJECT + framed_one(raw))


def referencing(secret: bytes) -> Callable[[bytes], bytes]:
    """Return `subject_reference` of one secret, for UTF-8 bytes: the key goes into the hash once, not each time."""
    if len(secret) != KEY_BYTES:
        raise ValueError("a secret has 32 bytes")
    begin = blake2b(_SUBJECT, digest_size=REFERENCE_BYTES, key=secret).copy

    def reference(raw: bytes) -> bytes:
        begun = begin()
        begun.update(len(raw).to_bytes(4, "big") + raw)
        return begun.digest()

    return reference


def agreement_key(dek: bytes, agreement: str, version: int = 1) -> bytes:
    """Return the AES-256 key of one agreement and key version, from the key of a data subject in its domain."""
    return derived(dek, KEY_BYTES, b"penstock agreement key 1", agreement.encode(), version.to_bytes(4, "big"))


def rekeyed_event_id(rekey: bytes, event_id: str) -> str:
    """Return an event id for one linkage domain: 26 characters that lead back to nothing without `rekey`."""
    return rekeyed(rekey, framed_one(event_id.encode())).decode()


def rekeyed(rekey: bytes, own: bytes) -> bytes:
    """As `rekeyed_event_id`, in bytes, of an id that is framed already."""
    if len(rekey) != KEY_BYTES:
        raise ValueError("a secret has 32 bytes")
    return base32(blake2b(_EVENT_ID + own, digest_size=REFERENCE_BYTES, key=rekey).digest()).encode()


def base32(raw: bytes) -> str:
    """Return 16 bytes in base 32 (RFC 4648), lower case and without padding: 26 characters.

    Three characters at a time out of a table: the library's way costs ten times as much, once an event and recipient.
    """
    n, three = int.from_bytes(raw, "big") << 2, _TRIPLES
    return (
        f"{three[n >> 115]}{three[n >> 100 & 32767]}{three[n >> 85 & 32767]}{three[n >> 70 & 32767]}"
        f"{three[n >> 55 & 32767]}{three[n >> 40 & 32767]}{three[n >> 25 & 32767]}{three[n >> 10 & 32767]}"
        f"{_PAIRS[n & 1023]}"
    )
