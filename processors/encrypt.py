"""Encrypt: one field under AES-256-GCM, bound to its place; and back. The bytes are those of `schemas.encrypted`."""

import os
import threading
from collections.abc import Callable
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ..schemas.encrypted import NONCE_BYTES, Sealed, padded, unpadded
from ..schemas.errors import KeyUnavailableError, RecordError
from ..schemas.reasons import Refusal

Nonce = Callable[[int], bytes]
"""Gives so many random bytes: os.urandom, except in tests."""


class FieldKey(Protocol):
    """A key (32 bytes) and the handle (8 bytes) by which a recipient asks for it."""

    @property
    def handle(self) -> bytes: ...

    @property
    def key(self) -> bytes: ...


class BulkKey:
    """A fresh random key for fields that are about nobody, with a counter for its nonces.

    Good for `MOST_USES` encryptions in the process that got it, and then it refuses: a nonce must never come twice
    under one key, not in a forked child either. Safe to share between threads.
    """

    MOST_USES = 2**31
    SPARE_USES = 2**16
    """So many before the end it asks to be replaced, so that no record runs out of key between two fields."""

    def __init__(self, handle: bytes, key: bytes) -> None:
        self.handle = handle
        self.key = key
        self.cipher = AESGCM(key)
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._next = 0

    @property
    def spent(self) -> bool:
        """Say whether it is time for a fresh key."""
        return self._next > self.MOST_USES - self.SPARE_USES or os.getpid() != self._process

    def __repr__(self) -> str:
        return f"BulkKey({self.handle.hex()})"

    def nonce(self, size: int) -> bytes:
        """Return the next nonce. Raises KeyUnavailableError when this key may not be used any more."""
        return self.reserve(1).to_bytes(size, "big")

    def reserve(self, count: int) -> int:
        """Set `count` uses aside for the caller and return the number of the first, which are their nonces.

        Raises KeyUnavailableError when this key may not be used that often any more.
        """
        with self._lock:
            first, after = self._next, self._next + count
            if after > self.MOST_USES or os.getpid() != self._process:
                raise KeyUnavailableError(
                    "this bulk key is used up, or belongs to another process",
                    remedy="ask the key store for a fresh one",
                )
            self._next = after
        return first

    def give_back(self, first: int, count: int) -> None:
        """Take back uses from `first` on that were set aside and not made, unless later ones are given out already."""
        with self._lock:
            if self._next == first + count:
                self._next = first


def seal(value: bytes, key: FieldKey, additional: bytes, nonce: Nonce) -> bytes:
    """Return the encrypted field that holds `value`, which opens only with the same `additional` data."""
    fresh = nonce(NONCE_BYTES)
    return Sealed(key.handle, fresh, AESGCM(key.key).encrypt(fresh, padded(value), additional)).to_bytes()


def open_(sealed: Sealed, key: bytes, additional: bytes) -> bytes:
    """Return what was sealed. Raises RecordError (`framing`) if anything about it or its place is not as it was."""
    try:
        return unpadded(AESGCM(key).decrypt(sealed.nonce, sealed.ciphertext, additional))
    except InvalidTag:
        raise RecordError(
            Refusal.FRAMING, "an encrypted field does not open: it was altered, or moved here from another place"
        ) from None
