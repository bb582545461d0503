"""Encrypt: one field under AES-256-GCM, bound to its place; and back. The bytes are those of `schemas.encrypted`."""

import itertools
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from operator import length_hint
from struct import Struct
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ..schemas.encrypted import NONCE_BYTES, Sealed, padded, unpadded
from ..schemas.errors import KeyUnavailableError, RecordError
from ..schemas.reasons import Refusal

Nonce = Callable[[int], bytes]
"""Gives so many random bytes: os.urandom, except in tests."""

Next = Callable[[], bytes]
"""Gives the next nonce."""

_counted = Struct(">4xQ").pack
"""A number as a nonce: its twelve bytes, big-endian."""


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
        self._uses = itertools.count()
        self._last = 0
        self._lock = threading.Lock()
        self._spare: range | None = None

    @property
    def spent(self) -> bool:
        """Say whether it is time for a fresh key."""
        return self._last >= self.MOST_USES - self.SPARE_USES or os.getpid() != self._process

    def __repr__(self) -> str:
        return f"BulkKey({self.handle.hex()})"

    def nonce(self, size: int) -> bytes:
        """Return the next nonce. Raises KeyUnavailableError when this key may not be used any more."""
        use = self._last = next(self._uses) if self._spare is None else self.reserve(1)
        if use >= self.MOST_USES or os.getpid() != self._process:
            raise self._used_up()
        return use.to_bytes(size, "big")

    def reserve(self, count: int) -> int:
        """Set `count` uses aside for the caller and return the number of the first, which are their nonces.

        Raises KeyUnavailableError when this key may not be used that often any more.
        """
        with self._lock:
            uses = self._in_a_row(count)
        self._last = uses.stop - 1
        if uses.stop > self.MOST_USES or os.getpid() != self._process:
            raise self._used_up()
        return uses.start

    def _in_a_row(self, count: int) -> range:
        """Return uses that nobody else has, those first that were given back. More may be lost to whoever draws now."""
        spare, self._spare = self._spare or range(0), None
        while True:
            if len(spare) >= count:
                self._spare = spare[count:] or None
                return spare[:count]
            fresh = itertools.islice(self._uses, count - len(spare))
            first = next(fresh)
            last = deque(fresh, maxlen=1)
            drawn = range(first, (last[0] if last else first) + 1)
            whole = range(spare.start, drawn.stop) if spare and spare.stop == first else drawn
            if len(whole) == count:
                return whole
            spare = range(0)

    def give_back(self, first: int, count: int) -> None:
        """Take back uses from `first` on that were set aside and not made: they are the next."""
        with self._lock:
            if count and self._spare is None:
                self._spare = range(first, first + count)
            elif count and self._spare is not None and self._spare.start == first + count:
                self._spare = range(first, self._spare.stop)

    @staticmethod
    def _used_up() -> KeyUnavailableError:
        return KeyUnavailableError(
            "this bulk key is used up, or belongs to another process", remedy="ask the key store for a fresh one"
        )


class BulkUses:
    """Uses of a bulk key for one batch, in order: set aside many at a time, since that costs a lock and a look.

    For one thread of one process: as with `Nonces`, nothing of it may outlive a fork.
    """

    def __init__(self, key: BulkKey, at_once: int = 256) -> None:
        self._whole = key
        self._at_once = at_once
        self._aside: range = range(0)
        self._left = iter(self._aside)
        self.handle = key.handle
        self.key = key.key
        self.encrypt = key.cipher.encrypt
        self.next: Next = itertools.chain.from_iterable(self._nonces()).__next__

    def __repr__(self) -> str:
        return f"BulkUses({self.handle.hex()})"

    def nonce(self, _size: int) -> bytes:
        """Return the next nonce. Raises KeyUnavailableError, or StopIteration after it, as `BulkKey.reserve`."""
        return self.next()

    def _nonces(self) -> Iterator[Iterator[bytes]]:
        while True:
            first = self._whole.reserve(self._at_once)
            self._aside = range(first, first + self._at_once)
            self._left = iter(self._aside)
            yield map(_counted, self._left)

    def end(self) -> None:
        """Give back what is left, for good: what these uses would go on with, somebody else may get."""
        left = length_hint(self._left)
        deque(self._left, maxlen=0)
        self.next = _no_more
        self._whole.give_back(self._aside.stop - left, left)


def _no_more() -> bytes:
    raise KeyUnavailableError("these uses of a bulk key were given back")


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
