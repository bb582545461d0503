"""Primitive and logical Avro types as JSON Schema. Digits are spelled out: `d` classes take any script's."""

from typing import Any

_YEAR = r"(?!0000)[0-9]{4}"
_LEAP = r"([0-9]{2}(0[48]|[2468][048]|[13579][26])|([2468][048]|[13579][26]|0[48])00)"
_DAY = (
    rf"(({_YEAR}-((0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])|(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31))|{_LEAP}-02-29)"
)
_MINUTE = r"([01][0-9]|2[0-3]):[0-5][0-9]"
_ZONE = rf"(Z|[+-]{_MINUTE})"
_BASE64 = r"^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
_UUID = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
_FRACTIONS = {"millis": r"[0-9]{1,3}0{0,6}", "micros": r"[0-9]{1,6}0{0,3}", "nanos": r"[0-9]{1,9}"}
_PER_SECOND = {"millis": 10**3, "micros": 10**6, "nanos": 10**9}
_RANGES = {"int": 31, "long": 63}
_REALS = {"float": 3.4028234663852886e38, "double": 1.7976931348623157e308}
_DAY_S = 86_400
_FIRST_S, _END_S = -719_162 * _DAY_S, 2_932_897 * _DAY_S  # years 1 to 9999


def scalar_schema(kind: str, type_: Any) -> dict[str, Any]:
    """Return the JSON Schema of a type that is neither record, array, map, union nor enum."""
    logical = str(type_.get("logicalType", "")) if isinstance(type_, dict) else ""
    if found := _logical(kind, logical, type_):
        return found
    match kind:
        case "int" | "long":
            return _between(kind, -(1 << _RANGES[kind]), (1 << _RANGES[kind]) - 1)
        case "float" | "double":
            return {"type": "number", "minimum": -_REALS[kind], "maximum": _REALS[kind]}
        case "bytes":
            return {"type": "string", "pattern": _BASE64, "contentEncoding": "base64"}
        case "fixed":
            return {"type": "string", "pattern": rf"^([0-9a-fA-F]{{2}}){{{type_['size']}}}$"}
    return {"type": kind}


def _logical(kind: str, logical: str, type_: Any) -> dict[str, Any] | None:
    if logical == "decimal" and kind in {"bytes", "fixed"}:
        return _decimal(int(type_["precision"]), int(type_.get("scale", 0)))
    if logical == "uuid" and kind in {"string", "fixed"}:
        return {"type": "string", "pattern": _UUID, "format": "uuid"}
    if logical == "date" and kind == "int":
        return {"anyOf": [_between(kind, _FIRST_S // _DAY_S, _END_S // _DAY_S - 1), _text(_DAY)]}
    family, _, unit = logical.rpartition("-")
    if unit not in _PER_SECOND or kind not in _RANGES:
        return None
    return _moment(kind, family, unit)


def _moment(kind: str, family: str, unit: str) -> dict[str, Any] | None:
    per_second, clock = _PER_SECOND[unit], rf"{_MINUTE}(:[0-5][0-9](\.{_FRACTIONS[unit]})?)?"
    if family == "time":
        return {"anyOf": [_between(kind, 0, _DAY_S * per_second - 1), _text(clock)]}
    zones = {"timestamp": _ZONE, "local-timestamp": ""}
    if family not in zones:
        return None
    number = _between(kind, _FIRST_S * per_second, _END_S * per_second - 1)
    digits = 10 + len(str(per_second))  # as a number in text: surely within those years
    pattern = rf"(-?[0-9]{{1,{digits - 1}}}|{_DAY}[T ]{clock}{zones[family]})"
    return {"anyOf": [number, _text(pattern)]}


def _decimal(precision: int, scale: int) -> dict[str, Any]:
    whole, most = precision - scale, 10 ** (precision - scale)
    digits = rf"[0-9]{{1,{whole}}}" if whole else "0"
    fraction = rf"(\.[0-9]{{1,{scale}}})?" if scale else ""
    return {"anyOf": [_text(rf"[+-]?{digits}{fraction}"), {"type": "number", "minimum": 1 - most, "maximum": most - 1}]}


def _between(kind: str, first: int, last: int) -> dict[str, Any]:
    """Return whole numbers of a range, as far as `kind` can hold it."""
    limit = 1 << _RANGES[kind]
    return {"type": "integer", "minimum": max(first, -limit), "maximum": min(last, limit - 1)}


def _text(pattern: str) -> dict[str, Any]:
    return {"type": "string", "pattern": f"^{pattern}$"}
