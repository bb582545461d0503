"""Noise: discrete Laplace noise on a number, as a function of a secret and of everything that a release is (law 4).

The same release again gives the same noise; a release that differs in anything, the clamped value included, draws
independently. No ordinary random generator may be imported here.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from hashlib import blake2b

from ..schemas.avro_paths import Leaf
from ..schemas.encrypted import framed, framed_one
from ..schemas.errors import DocumentError, RecordError
from ..schemas.reasons import Refusal
from ..schemas.safeguard import Noise
from .keys import KEY_BYTES
from .sampler import BLOCK_BYTES, drawing

FORM = b"penstock noise 1"
MECHANISM = b"discrete-laplace"
_LARGEST_FLOAT = (2**24 - 1) * 2**104
_LARGEST_DOUBLE = (2**53 - 1) * 2**971
_RANGES = {
    "int": (-(2**31), 2**31 - 1),
    "long": (-(2**63), 2**63 - 1),
    "float": (-_LARGEST_FLOAT, _LARGEST_FLOAT),
    "double": (-_LARGEST_DOUBLE, _LARGEST_DOUBLE),
}


class NoiseSecret:
    """A noise secret (32 bytes) and the seeds that follow from it: it goes into the hash once, not each time."""

    __slots__ = ("_begin", "raw")

    def __init__(self, raw: bytes) -> None:
        if len(raw) != KEY_BYTES:
            raise ValueError("a secret has 32 bytes")
        self.raw = raw
        self._begin = blake2b(digest_size=BLOCK_BYTES, key=raw)

    def seed(self, about: bytes) -> bytes:
        """Return the seed of the draw that `about` tells of; as `derived_from`."""
        begun = self._begin.copy()
        begun.update(about)
        return begun.digest()


Drawn = Callable[[float, NoiseSecret, bytes], float]
"""Gives the noisy number for a value, a secret and a framed release id."""


@dataclass(frozen=True, slots=True)
class NoiseScope:
    """Where noise is added: no two scopes share a draw."""

    agreement: str
    dataset: str
    major: int


@dataclass(frozen=True, slots=True)
class Mechanism:
    """Discrete Laplace on a number: clamped from `low` to `high`, in whole `step`s, at `scale` (in steps).

    A value is rounded to the nearest step inside the clamp; two values that differ by the sensitivity then differ by
    at most the sensitivity rounded up to whole steps, which is what `scale` is made of.
    """

    low: int
    high: int
    step: Fraction
    scale: Fraction
    whole: bool
    range: tuple[int, int]

    def released(self, value: float, secret: bytes, scope: NoiseScope, path: Iterable[bytes], release: str) -> float:
        """Return the noisy number to release. `path` is the concrete path, `release` the release id."""
        return self.at(scope, path)(value, NoiseSecret(secret), framed_one(release.encode()))

    def at(self, scope: NoiseScope, path: Iterable[bytes]) -> Drawn:
        """Return the function that gives the noisy number at one place."""
        place, how, draw, clamp, inside = (
            place_of(scope, path),
            self.how,
            drawing(self.scale),
            self._clamped,
            self._inside,
        )

        def drawn(value: float, secret: NoiseSecret, release: bytes) -> float:
            clamped = clamp(value)
            said = b"%d" % clamped
            about = b"".join((place, release, how, len(said).to_bytes(4, "big"), said))
            return inside(clamped + draw(secret.seed(about)))

        return drawn

    @property
    def how(self) -> bytes:
        """What a draw knows of the mechanism."""
        return framed((MECHANISM, _text(self.scale), _text(self.step), f"{self.low},{self.high}".encode()))

    def _inside(self, steps: int) -> float:
        """Return the number that so many steps are, within what its type holds."""
        least, most = self.range
        if self.whole:
            return steps if least <= steps <= most else min(max(steps, least), most)
        return float(min(max(steps * self.step, Fraction(least)), Fraction(most)))

    def _clamped(self, value: float) -> int:
        """Return the value in whole steps, from `low` to `high`."""
        if type(value) is int and self.whole:
            return value if self.low <= value <= self.high else min(max(value, self.low), self.high)
        if math.isnan(value):
            raise RecordError(Refusal.TYPE, "a field that gets noise is no number")
        if math.isinf(value):
            return self.high if value > 0 else self.low
        return min(max(round(Fraction(value) / self.step), self.low), self.high)


def place_of(scope: NoiseScope, path: Iterable[bytes]) -> bytes:
    """Return what a draw knows of where it is made."""
    return framed(
        (FORM, scope.agreement.encode(), scope.dataset.encode(), scope.major.to_bytes(4, "big"), framed(path))
    )


def mechanism(rule: Noise, leaf: Leaf) -> Mechanism:
    """Return the mechanism of a rule for a leaf. Raises DocumentError where they do not fit."""
    whole = leaf.primitive in {"int", "long"}
    if leaf.primitive not in _RANGES or leaf.logical:
        raise _misfit("noise wants a plain number", leaf, "choose another safeguard")
    if rule.step is None and not whole:
        raise _misfit("noise on a double needs a stated step", leaf, "add step: 0.01, say")
    step = _decimal(rule.step or 1)
    if whole and step != 1:
        raise _misfit("noise on a whole number has step 1", leaf, "leave step out")
    low, high = math.ceil(_decimal(rule.clamp[0]) / step), math.floor(_decimal(rule.clamp[1]) / step)
    if low > high:
        raise _misfit("the clamp of the noise holds no step", leaf, "write clamp: [lowest, highest]")
    scale = math.ceil(_decimal(rule.sensitivity) / step) / _decimal(rule.epsilon)
    return Mechanism(low, high, step, scale, whole, _RANGES[leaf.primitive])


def _decimal(number: float) -> Fraction:
    """Return a document's number as the decimal that is written there."""
    return Fraction(repr(number))


def _text(number: Fraction) -> bytes:
    return f"{number.numerator}/{number.denominator}".encode()


def _misfit(message: str, leaf: Leaf, remedy: str) -> DocumentError:
    return DocumentError(message, place=leaf.path, remedy=remedy)
