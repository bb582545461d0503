"""Generalise: a value becomes coarser and keeps its type.

Exact: a double counts as the binary fraction it is, a size as the decimal that is written.

Works on physical values: dates are day numbers, timestamps counts since 1970, both in UTC.
"""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from ..schemas.avro_paths import Leaf
from ..schemas.errors import DocumentError, RecordError
from ..schemas.reasons import Refusal
from ..schemas.safeguard import Generalise

UNITS_A_DAY = {
    "date": 1,
    "timestamp-millis": 86_400_000,
    "timestamp-micros": 86_400_000_000,
    "timestamp-nanos": 86_400_000_000_000,
    "local-timestamp-millis": 86_400_000,
    "local-timestamp-micros": 86_400_000_000,
    "local-timestamp-nanos": 86_400_000_000_000,
}
_LEAST = {"int": -(2**31), "long": -(2**63)}
"""The lowest value of a type stands for the start of a period or bucket that begins below it."""

_DOUBLES = {"float", "double"}
_A_DAY = {"day": 1, "hour": 24}

Coarsen = Callable[[Any], Any]


def generalising(rule: Generalise, leaf: Leaf) -> Coarsen:
    """Return the function that coarsens values of `leaf`. Raises DocumentError where the rule does not fit its type."""
    if rule.to in {"year", "month"}:
        return _period(rule.to, leaf)
    if rule.to in _A_DAY:
        return _part_of_day(rule.to, leaf)
    if rule.size is None:
        raise DocumentError(f"generalise to {rule.to} needs a size", place=leaf.path, remedy="add size: 100")
    if rule.to == "bucket" and leaf.primitive in _LEAST:
        return _integer_bucket(rule.size, leaf)
    if rule.to == "bucket" and leaf.logical == "decimal":
        return _decimal_bucket(rule.size, leaf)
    if leaf.primitive in _DOUBLES:
        return _lower_bound(rule.size, leaf.path) if rule.to == "bucket" else _centre(rule.size, leaf.path)
    wanted = "a number" if rule.to == "bucket" else "a float or double"
    raise DocumentError(
        f"generalise to {rule.to} wants {wanted}, and the field is {leaf.primitive}",
        place=leaf.path,
        remedy="choose another safeguard",
    )


def first_day(days: int, period: str) -> int:
    """Return the day number of the first day of the year or month that holds day number `days`."""
    year, month = year_and_month(days)
    return day_number(year, month if period == "month" else 1)


def year_and_month(days: int) -> tuple[int, int]:
    """Return year and month (1 to 12) of a day number in the proleptic Gregorian calendar, however far away."""
    # Days since 0000-03-01, in eras of 400 years: February with its leap day then ends a year.
    shifted = days + 719_468
    era, day_of_era = divmod(shifted, 146_097)
    year_of_era = (day_of_era - day_of_era // 1_460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month = (5 * day_of_year + 2) // 153
    year = era * 400 + year_of_era + (1 if month >= 10 else 0)
    return year, month + 3 if month < 10 else month - 9


def day_number(year: int, month: int) -> int:
    """Return the day number of the first of a month."""
    shifted = year - (1 if month <= 2 else 0)
    era, year_of_era = divmod(shifted, 400)
    day_of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5
    return era * 146_097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - 719_468


def _period(period: str, leaf: Leaf) -> Coarsen:
    per_day = UNITS_A_DAY.get(leaf.logical or "")
    if per_day is None:
        raise DocumentError(
            f"generalise to {period} wants a date or timestamp, and the field is {leaf.logical or leaf.primitive}",
            place=leaf.path,
            remedy="choose another safeguard",
        )
    least = _LEAST[leaf.primitive]
    return lambda value: max(first_day(value // per_day, period) * per_day, least)


def _part_of_day(part: str, leaf: Leaf) -> Coarsen:
    per_day = UNITS_A_DAY.get(leaf.logical or "", 1)
    if per_day == 1:
        raise DocumentError(
            f"generalise to {part} wants a timestamp, and the field is {leaf.logical or leaf.primitive}",
            place=leaf.path,
            remedy="choose another safeguard",
        )
    width, least = per_day // _A_DAY[part], _LEAST[leaf.primitive]
    return lambda value: max(value // width * width, least)


def _integer_bucket(size: float, leaf: Leaf) -> Coarsen:
    if size != int(size):
        raise DocumentError(
            "the buckets of a whole number have a whole size", place=leaf.path, remedy="write size: 100, say"
        )
    width, least = int(size), _LEAST[leaf.primitive]
    return lambda value: max(value // width * width, least)


def _decimal_bucket(size: float, leaf: Leaf) -> Coarsen:
    branches = leaf.type if isinstance(leaf.type, list) else [leaf.type]
    said = next(branch for branch in branches if isinstance(branch, dict))
    exact = Fraction(repr(size)) * Fraction(10 ** int(said.get("scale", 0)))
    width = exact.numerator
    places: int | None = said.get("size")
    if exact.denominator != 1:
        raise DocumentError(
            "the buckets of a decimal have a size of its scale", place=leaf.path, remedy="write size: 100, say"
        )

    def coarsen(value: bytes) -> bytes:
        bound: int = int.from_bytes(value, "big", signed=True) // width * width
        if places is not None:
            bound = max(bound, -(1 << (8 * places - 1)))
        return bound.to_bytes(places or (bound.bit_length() + 8) // 8, "big", signed=True)

    return coarsen


def _lower_bound(size: float, path: str) -> Coarsen:
    width = Fraction(repr(size))
    return lambda value: float(_cell(value, width, path) * width)


def _centre(size: float, path: str) -> Coarsen:
    width = Fraction(repr(size))
    return lambda value: float((_cell(value, width, path) + Fraction(1, 2)) * width)


def _cell(value: float, width: Fraction, path: str) -> int:
    """Return the number of the cell that holds a value."""
    if not math.isfinite(value):
        raise RecordError(Refusal.TYPE, f"field `{path}` is no finite number, so it lies in no cell")
    return math.floor(Fraction(value) / width)
