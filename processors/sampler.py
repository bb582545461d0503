"""The exact discrete Laplace distribution, from a stream of bits that follows from a seed.

The algorithm is that of Canonne, Kamath and Steinke (2020), with integers only: no float is ever drawn or compared.
P(x) is proportional to exp(-|x| / scale) for every integer x. No ordinary random generator may be imported here.
"""

import hashlib
from collections.abc import Callable
from fractions import Fraction

BLOCK_BYTES = 64


class Bits:
    """Keyed BLAKE2b in counter mode, bit by bit: a function of the 64-byte seed."""

    def __init__(self, seed: bytes) -> None:
        if len(seed) != BLOCK_BYTES:
            raise ValueError("a seed has 64 bytes")
        self._seed = seed
        self._block = 0
        self._pool = 0  # of which the lowest `_left` bits are still to be taken
        self._left = 0

    def take(self, count: int) -> int:
        """Return the next `count` bits as a number."""
        while self._left < count:
            self._more()
        self._left -= count
        return self._pool >> self._left & (1 << count) - 1

    def below(self, bound: int) -> int:
        """Return a uniform number from 0 up to, not including, `bound`."""
        size = (bound - 1).bit_length()
        mask = (1 << size) - 1
        while True:
            # `take`, written out: this is the noise's innermost loop.
            while self._left < size:
                self._more()
            self._left = left = self._left - size
            number = self._pool >> left & mask
            if number < bound:
                return number

    def _more(self) -> None:
        data = hashlib.blake2b(self._block.to_bytes(8, "big"), key=self._seed, digest_size=BLOCK_BYTES).digest()
        self._block += 1
        self._pool = (self._pool & (1 << self._left) - 1) << (8 * BLOCK_BYTES) | int.from_bytes(data, "big")
        self._left += 8 * BLOCK_BYTES


def discrete_laplace(bits: Bits, scale: Fraction) -> int:
    """Return one draw at `scale`, which must be above 0."""
    if scale <= 0:
        raise ValueError("the scale must be above 0")
    wide, narrow = scale.numerator, scale.denominator
    below = bits.below
    while True:
        start = below(wide)
        # An odd number of tries with probability exp(-start / wide).
        tries = 1
        while below(wide * tries) < start:
            tries += 1
        if tries % 2 == 0:
            continue
        whole = 0
        while _exp_minus_one(below):
            whole += 1
        size = (start + wide * whole) // narrow
        negative = bits.take(1) == 1
        if not (negative and size == 0):
            return -size if negative else size


def _exp_minus_one(below: Callable[[int], int]) -> bool:
    """Return True with probability exp(-1)."""
    tries = 2  # the first of them takes no bit, and never ends it
    while below(tries) < 1:
        tries += 1
    return tries % 2 == 1
