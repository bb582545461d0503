"""The exact discrete Laplace distribution, from a stream of bits that follows from a seed.

The algorithm is that of Canonne, Kamath and Steinke (2020), with integers only: no float is ever drawn or compared.
P(x) is proportional to exp(-|x| / scale) for every integer x. No ordinary random generator may be imported here.
"""

from collections.abc import Callable, Sequence
from fractions import Fraction
from hashlib import blake2b

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
        data = blake2b(self._block.to_bytes(8, "big"), key=self._seed, digest_size=BLOCK_BYTES).digest()
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


Step = tuple[int, int, int]
"""A bound, how many bits a number below it takes, and their mask."""

_FIRST = (0).to_bytes(8, "big")
_STEPS = 24


def _step(bound: int) -> Step:
    size = (bound - 1).bit_length()
    return bound, size, (1 << size) - 1


def drawing(scale: Fraction) -> Callable[[bytes], int]:
    """Return the function from a seed to `discrete_laplace(Bits(seed), scale)`, with every step written out.

    It takes a third of the time. It knows the first block of bits and the first tries only: the few draws that take
    more (to shift by less than 0 says so) are begun again, the plain way.
    """
    if scale <= 0:
        raise ValueError("the scale must be above 0")
    wide, narrow = scale.numerator, scale.denominator
    begin, tries = _step(wide), [_step(wide * n) for n in range(1, _STEPS)]
    ones = [_step(n) for n in range(2, _STEPS)]

    def draw(seed: bytes) -> int:
        pool = int.from_bytes(blake2b(_FIRST, key=seed, digest_size=BLOCK_BYTES).digest(), "big")
        try:
            return _drawn(pool, wide, narrow, begin, tries, ones)
        except ValueError:
            return discrete_laplace(Bits(seed), scale)

    return draw


def _drawn(  # noqa: C901, PLR0912, PLR0913, PLR0917 - the noise's innermost loop: what is called here costs as much again
    pool: int, wide: int, narrow: int, begin: Step, tries: Sequence[Step], ones: Sequence[Step]
) -> int:
    """Return the draw that a first block of bits gives. Raises ValueError where it takes more."""
    left = 8 * BLOCK_BYTES
    first_bound, first_size, first_mask = begin
    while True:
        left -= first_size
        start = pool >> left & first_mask
        while start >= first_bound:
            left -= first_size
            start = pool >> left & first_mask
        odd = True
        for bound, size, mask in tries:
            left -= size
            number = pool >> left & mask
            while number >= bound:
                left -= size
                number = pool >> left & mask
            if number >= start:
                break
            odd = not odd
        else:
            raise ValueError
        if not odd:
            continue
        whole = -1
        while odd:
            whole += 1
            odd = False
            for bound, size, mask in ones:
                left -= size
                number = pool >> left & mask
                while number >= bound:
                    left -= size
                    number = pool >> left & mask
                if number:
                    break
                odd = not odd
            else:
                raise ValueError
        left -= 1
        steps = (start + wide * whole) // narrow
        if pool >> left & 1 == 0:
            return steps
        if steps:
            return -steps
