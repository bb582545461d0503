"""Fresh nonces, fetched many at a time: asking the system for each would cost as much as encrypting a short field."""

import os
from collections.abc import Iterator
from itertools import chain
from weakref import WeakSet

from ..schemas.encrypted import NONCE_BYTES
from .encrypt import Next, Nonce

AT_ONCE = 256


class Nonces:
    """A `Nonce` that keeps some in hand, for one batch. A forked child begins with none: its parent uses those.

    `next` gives one nonce at a time, at less cost than a call.
    """

    def __init__(self, nonce: Nonce) -> None:
        self._nonce = nonce
        self._held: Iterator[bytes] = iter(())
        self._spare = b""
        self.next: Next = chain.from_iterable(self._fetched()).__next__
        _IN_HAND.add(self)

    def __call__(self, size: int) -> bytes:
        return self.next() if size == NONCE_BYTES else self._nonce(size)

    def _fetched(self) -> Iterator[Iterator[bytes]]:
        while True:
            fresh = self._spare or self._nonce(NONCE_BYTES * AT_ONCE)
            self._spare = b""
            self._held = iter([fresh[at : at + NONCE_BYTES] for at in range(0, len(fresh), NONCE_BYTES)])
            yield self._held

    def many(self, count: int) -> bytes:
        """Return the next `count` nonces, side by side."""
        there = self._all()
        size = NONCE_BYTES * count
        if len(there) < size:
            return there + self._nonce(size - len(there))
        self._spare = there[size:]
        return there[:size]

    def give_back(self, nonces: bytes) -> None:
        """Take back the last of what `many` gave, which nobody used: they are the next."""
        self._spare = nonces + self._all()

    def forget(self) -> None:
        """Let go of what is in hand: somebody else may use it."""
        self._all()

    def _all(self) -> bytes:
        """Take what is in hand."""
        there = b"".join(self._held) + self._spare
        self._spare = b""
        return there


_IN_HAND: WeakSet[Nonces] = WeakSet()


def _forget_all() -> None:
    for one in list(_IN_HAND):
        one.forget()


os.register_at_fork(after_in_child=_forget_all)
