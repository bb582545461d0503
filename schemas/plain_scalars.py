"""Single values of plain JSON and CSV as physical Avro values. No message holds the value (law 5)."""

import base64
import binascii
import math
import re
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from .avro_encode import Unfit

Convert = Callable[[Any], Any]

_INTEGER = re.compile(r"-?\d{1,19}")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_TIME = re.compile(r"\d\d:\d\d(:\d\d(\.\d{1,9})?)?")
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)?")
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - instants are reckoned in naive UTC
_NANOS: dict[str, int] = {"millis": 10**6, "micros": 10**3, "nanos": 1}
_FIRST_S, _LAST_S = -62_135_596_800, 253_402_300_799  # years 1 to 9999: what date and datetime types can say
_DAY_S = 86_400
_PER_SECOND: dict[str, int] = {"millis": 10**3, "micros": 10**6, "nanos": 10**9}
_MOST_DIGITS = 400
_DIGITS: dict[str, int] = {"millis": 3, "micros": 6, "nanos": 9}


def scalar(kind: str, type_: Any, *, text: bool) -> Convert:
    """Return the function for one primitive, enum or fixed type. It raises Unfit for a value that does not fit.

    Values that are in their physical form already (an int for a date, bytes) stay as they are; a date or timestamp
    outside the years 1 to 9999 does not fit. With `text` every value is text, as a CSV file has it.
    """
    logical = type_.get("logicalType") if isinstance(type_, dict) else None
    special = _logical(kind, logical, type_)
    if special:
        return special
    if kind in {"enum", "null"}:
        return _enum(type_["symbols"]) if kind == "enum" else _null
    if kind in {"bytes", "fixed"}:
        return _binary(type_["size"] if kind == "fixed" else None)
    return (_TEXT if text else _JSON)[kind]


def _logical(kind: str, logical: str | None, type_: Any) -> Convert | None:
    if logical == "decimal" and kind in {"bytes", "fixed"}:
        return _decimal(type_)
    if logical == "uuid" and kind in {"string", "fixed"}:
        return _uuid_text if kind == "string" else _uuid_bytes
    return _temporal(kind, logical or "")


def _temporal(kind: str, logical: str) -> Convert | None:
    if logical == "date" and kind == "int":
        return _physical_or(_date, _FIRST_S // _DAY_S, _LAST_S // _DAY_S)
    family, _, unit = logical.rpartition("-")
    if unit not in _PER_SECOND:
        return None
    if family == "time" and kind in {"int", "long"}:
        return _physical_or(lambda value: _time(value, unit), 0, _last(_DAY_S - 1, unit))
    if family in {"timestamp", "local-timestamp"} and kind == "long":
        first, last = _FIRST_S * _PER_SECOND[unit], _last(_LAST_S, unit)
        return _physical_or(lambda value: _instant(value, unit, local=family == "local-timestamp"), first, last)
    return None


def _last(second: int, unit: str) -> int:
    """Return the last instant of a second, in units."""
    return (second + 1) * _PER_SECOND[unit] - 1


def _null(value: Any) -> None:
    if value is not None:
        raise Unfit("null")


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Unfit("true or false")
    return value


def _boolean_text(value: Any) -> bool:
    if not isinstance(value, str) or value.lower() not in {"true", "false"}:
        raise Unfit("true or false")
    return value.lower() == "true"


def _integer(value: Any) -> int:
    if type(value) is not int:
        raise Unfit("a whole number")
    return value


def _integer_text(value: Any) -> int:
    if not isinstance(value, str) or not _INTEGER.fullmatch(value):
        raise Unfit("a whole number")
    return int(value)


def _real(value: Any) -> float:
    if type(value) not in {int, float}:
        raise Unfit("a number")
    return _finite(value)


def _real_text(value: Any) -> float:
    if not isinstance(value, str) or not _NUMBER.fullmatch(value):
        raise Unfit("a number")
    return _finite(value)


def _finite(value: Any) -> float:
    """NaN and infinities are no JSON, and would slip through every bound and clamp."""
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise Unfit("a finite number")
    return number


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise Unfit("a string")
    return value


_JSON: dict[str, Convert] = {
    "boolean": _boolean,
    "int": _integer,
    "long": _integer,
    "float": _real,
    "double": _real,
    "string": _string,
}
_TEXT: dict[str, Convert] = {
    "boolean": _boolean_text,
    "int": _integer_text,
    "long": _integer_text,
    "float": _real_text,
    "double": _real_text,
    "string": _string,
}


def _enum(symbols: list[str]) -> Convert:
    known = frozenset(symbols)

    def convert(value: Any) -> str:
        if not isinstance(value, str) or value not in known:
            raise Unfit("one of the enum's symbols")
        return value

    return convert


def _binary(size: int | None) -> Convert:
    wanted = "base64" if size is None else f"{size} bytes in hex or base64"

    def convert(value: Any) -> bytes:
        try:
            raw = value if isinstance(value, bytes) else _unpacked(value, size)
        except (binascii.Error, ValueError, TypeError, AttributeError):
            raise Unfit(wanted) from None
        if size not in (None, len(raw)):
            raise Unfit(wanted)
        return raw

    return convert


def _unpacked(value: str, size: int | None) -> bytes:
    """A fixed's hex is twice its size; where base64 is as long it ends in `=`: one never looks like the other."""
    if size is not None and len(value) == 2 * size and not value.endswith("="):
        return bytes.fromhex(value)
    return base64.b64decode(value, validate=True)


def _uuid(value: Any) -> uuid.UUID:
    try:
        found = uuid.UUID(value)
    except (ValueError, AttributeError, TypeError):
        found = None
    if found is None or str(found) != value.lower():
        raise Unfit("a UUID such as 123e4567-e89b-12d3-a456-426614174000")
    return found


def _uuid_text(value: Any) -> str:
    return str(_uuid(value))


def _uuid_bytes(value: Any) -> bytes:
    return bytes(value) if isinstance(value, bytes) and len(value) == 16 else _uuid(value).bytes


def _decimal(type_: dict[str, Any]) -> Convert:
    precision: int = type_.get("precision", 0)
    scale: int = type_.get("scale", 0)
    size: int | None = type_.get("size")
    wanted = f"a decimal number of at most {precision} digits, {scale} of them after the point"

    def convert(value: Any) -> bytes:
        if isinstance(value, bytes):
            return value
        if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
            raise Unfit(wanted)
        if isinstance(value, int) and value.bit_length() > _MOST_DIGITS:
            raise Unfit(wanted)
        if isinstance(value, str) and not _NUMBER.fullmatch(value):
            raise Unfit(wanted)
        return _unscaled(str(value), precision, scale, size, wanted)

    return convert


def _unscaled(text: str, precision: int, scale: int, size: int | None, wanted: str) -> bytes:
    """Return the two's complement of the number in units of its scale. Nothing is rounded."""
    try:
        sign, digits, exponent = Decimal(text).as_tuple()
    except InvalidOperation:
        raise Unfit(wanted) from None
    if not isinstance(exponent, int) or len(digits) > _MOST_DIGITS or abs(exponent) > _MOST_DIGITS:
        raise Unfit(wanted)
    shift = exponent + scale
    coefficient: int = int("".join(map(str, digits))) * (-1 if sign else 1)
    down: int = 10 ** max(-shift, 0)
    up: int = 10 ** max(shift, 0)
    unscaled, rest = divmod(coefficient * up, down)
    if rest or abs(unscaled) >= 10**precision:
        raise Unfit(wanted)
    # A fixed is long enough for its precision: `tree` has checked it.
    length: int = size or (unscaled if unscaled >= 0 else ~unscaled).bit_length() // 8 + 1
    return unscaled.to_bytes(length, "big", signed=True)


def _physical_or(parse: Callable[[str], int], first: int, last: int) -> Convert:
    """Take a value in its physical form, or parse it. One outside `first` to `last` is none that a recipient can read.

    Recipients' own deserialisers turn it into a date or time of their language, and fail on what their calendar lacks.
    """

    def convert(value: Any) -> int:
        if type(value) is int:
            found: int = value
        elif isinstance(value, str):
            found = parse(value)
        else:
            raise Unfit("a date or time in ISO 8601")
        if not first <= found <= last:
            raise Unfit("a date or time that the calendar has, in the years 1 to 9999")
        return found

    return convert


def _date(value: str) -> int:
    if _DATE.fullmatch(value):
        try:
            return date.fromisoformat(value).toordinal() - _EPOCH.toordinal()
        except ValueError:
            pass
    raise Unfit("a date such as 2026-11-22")


def _time(value: str, unit: str) -> int:
    if _TIME.fullmatch(value):
        whole, _, fraction = value.partition(".")
        try:
            at = time.fromisoformat(whole)
        except ValueError:
            raise Unfit("a time such as 23:59:59") from None
        return _units((at.hour * 60 + at.minute) * 60 + at.second, fraction, unit)
    raise Unfit("a time such as 23:59:59")


def _instant(value: str, unit: str, *, local: bool) -> int:
    found = _INSTANT.fullmatch(value)
    if found is None and _INTEGER.fullmatch(value):
        return int(value)
    zone = found[3] if found else None
    if found is None or local == (zone is not None):
        raise Unfit("a time such as 2026-11-22T23:59:59" + ("" if local else "Z, with its time zone"))
    try:
        at = datetime.fromisoformat(found[1] + (zone or ""))
        naive = at.astimezone(UTC).replace(tzinfo=None) if zone else at
    except (ValueError, OverflowError):
        raise Unfit("a time that the calendar has") from None
    return _units((naive - _EPOCH) // timedelta(seconds=1), found[2] or "", unit)


def _units(seconds: int, fraction: str, unit: str) -> int:
    """Return whole units. More digits than the type holds are refused: nobody asked for another time."""
    nanos = int(fraction.ljust(9, "0"))
    if nanos % _NANOS[unit]:
        raise Unfit(f"at most {_DIGITS[unit]} digits of a second")
    return seconds * (10**9 // _NANOS[unit]) + nanos // _NANOS[unit]
