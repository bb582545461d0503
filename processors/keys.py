"""Derivations: what follows from secrets, each bound to its context.

Every derivation is keyed BLAKE2b over parts that are each preceded by their length (four bytes, big-endian), the first
being a label of ours; so no two contexts give the same input (docs/wire.md).
"""

import base64
import hashlib

from ..schemas.encrypted import framed

REFERENCE_BYTES = 16
KEY_BYTES = 32


def derived(secret: bytes, size: int, *parts: bytes) -> bytes:
    """Return `size` bytes that follow from a 32-byte secret and `parts`."""
    if len(secret) != KEY_BYTES:
        raise ValueError("a secret has 32 bytes")
    return hashlib.blake2b(framed(parts), digest_size=size, key=secret).digest()


def subject_reference(secret: bytes, text: str) -> bytes:
    """Return the keyed reference (16 bytes) of the data subject that an identifier names."""
    return derived(secret, REFERENCE_BYTES, b"penstock subject 1", text.encode())


def agreement_key(dek: bytes, agreement: str, version: int = 1) -> bytes:
    """Return the AES-256 key of one agreement and key version, from the key of a data subject in its domain."""
    return derived(dek, KEY_BYTES, b"penstock agreement key 1", agreement.encode(), version.to_bytes(4, "big"))


def rekeyed_event_id(rekey: bytes, event_id: str) -> str:
    """Return an event id for one linkage domain: 26 characters that lead back to nothing without `rekey`."""
    raw = derived(rekey, REFERENCE_BYTES, b"penstock event id 1", event_id.encode())
    return base64.b32encode(raw).decode().rstrip("=").lower()
