"""What is known about a CEL expression before any event is seen: its possible kinds, told by the Avro schema."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any, NoReturn

from ...schemas.errors import DocumentError
from ...schemas.problem import did_you_mean

KINDS = {
    "null": "null",
    "boolean": "bool",
    "int": "int",
    "long": "int",
    "float": "double",
    "double": "double",
    "string": "string",
    "enum": "string",
    "bytes": "bytes",
    "fixed": "bytes",
    "array": "list",
    "map": "map",
    "record": "record",
}
"""The kind of value that each Avro type decodes to."""

UNIT_NS = {
    "date": 86_400_000_000_000,
    "timestamp-millis": 1_000_000,
    "timestamp-micros": 1_000,
    "timestamp-nanos": 1,
    "local-timestamp-millis": 1_000_000,
    "local-timestamp-micros": 1_000,
    "local-timestamp-nanos": 1,
}
"""Nanoseconds in one unit of the logical types that count from 1970-01-01."""

_NUMBERS = frozenset({"int", "double"})
_ORDERED = ("bool", "string", "bytes")
_SAME_NUMBER = (("int", "int"), ("double", "double"))
_COMPARED = (*product(_NUMBERS, _NUMBERS), *((kind, kind) for kind in _ORDERED))
_OVERLOADS: Mapping[str, tuple[tuple[str, str], ...]] = {
    **dict.fromkeys(("<", "<=", ">", ">="), _COMPARED),
    **dict.fromkeys(("-", "*", "/"), _SAME_NUMBER),
    "+": (*_SAME_NUMBER, ("string", "string"), ("bytes", "bytes"), ("list", "list")),
    "%": (("int", "int"),),
    **dict.fromkeys(("startsWith", "endsWith", "contains"), (("string", "string"),)),
}


@dataclass(frozen=True, slots=True)
class Shape:
    """The possible kinds of an expression, and what its field says besides.

    `types`: its Avro types without unions. `members`: of a list literal. `unit_ns`: not 0 for a point in time.
    `symbols`: the only texts it can be. `text`: of a string literal.
    """

    kinds: frozenset[str]
    called: str
    path: str = ""
    types: tuple[Mapping[str, Any], ...] = ()
    members: tuple["Shape", ...] = ()
    unit_ns: int = 0
    symbols: frozenset[str] = field(default_factory=frozenset)
    text: str | None = None


def shape(called: str, *kinds: str) -> Shape:
    return Shape(frozenset(kinds), called)


def refuse(message: str, remedy: str = "see the subset of CEL in docs/agreements.md") -> NoReturn:
    raise DocumentError(f"predicate: {message}", remedy=remedy)


def need_bool(found: Shape, where: str) -> None:
    if "bool" not in found.kinds:
        refuse(f"{where} takes true or false, and {said(found)} is neither", "write a comparison, as in amount > 0")


def need_overload(name: str, left: Shape, right: Shape) -> frozenset[str]:
    """Return the kinds of left operand for which `left name right` has a value; refuse if it never has."""
    kinds = frozenset(a for a, b in _OVERLOADS[name] if a in left.kinds and b in right.kinds)
    if not kinds:
        remedy = 'compare a number with a number, a text with a text, a time with timestamp("2026-01-01T00:00:00Z")'
        if _NUMBERS & left.kinds and _NUMBERS & right.kinds:
            remedy = "int and double do not mix in arithmetic: write 1.0 for 1"
        refuse(f"{name} does not work between {said(left)} and {said(right)}", remedy)
    return kinds


def need_equality(left: Shape, right: Shape) -> None:
    """Refuse an equality that can never hold, but for a comparison with null."""
    if not _may_equal(left, right):
        refuse(f"{said(left)} can never equal {said(right)}", "compare values of the same type")
    for one, other in ((left, right), (right, left)):
        if one.symbols and other.text is not None and other.text not in one.symbols:
            refuse(f"{one.called} has no symbol '{other.text}'", did_you_mean(other.text, one.symbols))


def _may_equal(left: Shape, right: Shape) -> bool:
    if left.kinds == {"null"} or right.kinds == {"null"}:
        return True
    return bool((left.kinds & right.kinds) - {"null"}) or bool(_NUMBERS & left.kinds and _NUMBERS & right.kinds)


def said(found: Shape) -> str:
    """Name an expression and its kinds, for messages."""
    return f"{found.called} ({' or '.join(sorted(found.kinds))})"
