"""Sealing keys for a recipient, and opening what was sealed: HPKE in base mode (RFC 9180).

The suite is DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. The bytes are those of `schemas.key_message`.
"""

from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from ..schemas.errors import RecordError
from ..schemas.key_message import VERSION, KeyRequest, key_entries, keys_from, sealed_part
from ..schemas.reasons import Refusal

SUITE = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


def seal_keys(keys: Mapping[bytes, bytes], request: KeyRequest, public_key: bytes) -> bytes:
    """Return the key message that answers `request`; only the holder of the private half of `public_key` opens it.

    Raises ValueError for a public key of small order, to which anybody could open.
    """
    public = X25519PublicKey.from_public_bytes(public_key)
    return bytes((VERSION,)) + SUITE.encrypt(key_entries(keys), public, info=request.info())


def open_keys(message: bytes, request: KeyRequest, private_key: X25519PrivateKey) -> dict[bytes, bytes]:
    """Return the keys of a message by handle, some of those that `request` asks for.

    Raises RecordError (`framing`) for a message of another version, cut, altered, sealed to another key, or that
    answers another request.
    """
    sealed = sealed_part(message)
    try:
        entries = SUITE.decrypt(sealed, private_key, info=request.info())
    except (InvalidTag, ValueError):
        raise RecordError(
            Refusal.FRAMING,
            "the key message does not open: it was altered, is sealed to another key, or answers another request",
            remedy="use the private half of the key that the charter names",
        ) from None
    return keys_from(entries, request.handles)


def is_of_small_order(public_key: bytes) -> bool:
    """Say whether an X25519 public key gives the same shared secret with every private key (RFC 7748, section 6.1)."""
    try:
        X25519PrivateKey.generate().exchange(X25519PublicKey.from_public_bytes(public_key))
    except ValueError:
        return True
    return False
