"""Wrapping keys: version (1) ‖ nonce (12) ‖ AES-256-GCM, bound to where the wrapped key belongs."""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ...schemas.encrypted import framed

VERSION = b"\x01"
NONCE_BYTES = 12


def wrap(wrapping_key: bytes, secret: bytes, *context: bytes) -> bytes:
    """Return `secret` sealed; it opens only with the same key and context."""
    nonce = os.urandom(NONCE_BYTES)
    return VERSION + nonce + AESGCM(wrapping_key).encrypt(nonce, secret, framed((b"penstock wrap 1", *context)))


def unwrap(wrapping_key: bytes, wrapped: bytes, *context: bytes) -> bytes:
    """Return what was sealed. Raises InvalidTag for another key, another context, another version or damage."""
    if wrapped[:1] != VERSION or len(wrapped) <= NONCE_BYTES:
        raise InvalidTag
    nonce, sealed = wrapped[1 : 1 + NONCE_BYTES], wrapped[1 + NONCE_BYTES :]
    return AESGCM(wrapping_key).decrypt(nonce, sealed, framed((b"penstock wrap 1", *context)))
