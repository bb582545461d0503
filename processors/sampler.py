"""The exact discrete Laplace distribution, from a stream of bits that follows from a seed.

The algorithm is that of Canonne, Kamath and Steinke (2020), with integers only: no float is ever drawn or compared.
P(x) is proportional to exp(-|x| / scale) for every integer x. No ordinary random generator may be imported here.
"""

import hashlib
from fractions import Fraction

BLOCK_BYTES = 64


class Bits:
    """Keyed BLAKE2b in counter mode, bit by bit: a function of the 64-byte seed."""

    def __init__(self, seed: bytes) -> None:
        if len(seed) != BLOCK_BYTES:
            raise ValueError("a seed has 64 bytes")
        self._seed = seed
        self._block = 0
        self._pool = 0
        self._left = 0

    def take(self, count: int) -> int:
        """Return the next `count` bits as a number."""
        while self._left < count:
            data = hashlib.blake2b(self._block.to_bytes(8, "big"), key=self._seed, digest_size=BLOCK_BYTES).digest()
            self._block += 1
            self._pool = self._pool << (8 * BLOCK_BYTES) | int.from_bytes(data, "big")
            self._left += 8 * BLOCK_BYTES
        self._left -= count
        taken = self._pool >> self._left
        self._pool &= (1 << self._left) - 1
        return taken

    def below(self, bound: int) -> int:
        """Return a uniform number from 0 up to, not including, `bound`."""
        size = (bound - 1).bit_length()
        while True:
            number = self.take(size)
            if number < bound:
                return number


def discrete_laplace(bits: Bits, scale: Fraction) -> int:
    """Return one draw at `scale`, which must be above 0."""
    if scale <= 0:
        raise ValueError("the scale must be above 0")
    wide, narrow = scale.numerator, scale.denominator
    while True:
        start = bits.below(wide)
        if not _exp_minus(bits, start, wide):
            continue
        whole = 0
        while _exp_minus(bits, 1, 1):
            whole += 1
        size = (start + wide * whole) // narrow
        negative = bits.take(1) == 1
        if not (negative and size == 0):
            return -size if negative else size


def _exp_minus(bits: Bits, numerator: int, denominator: int) -> bool:
    """Return True with probability exp(-numerator / denominator), which lies from 0 to 1."""
    tries = 1
    while bits.below(denominator * tries) < numerator:
        tries += 1
    return tries % 2 == 1
