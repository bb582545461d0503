"""CEL's literals as Python values."""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from celpy.evaluation import celbytes, celstr
from lark import Token

from .operators import INT_MAX, INT_MIN
from .shapes import refuse

_ESCAPED = re.compile(
    r"(?:[^\\]|\\[abfnrtv\"'\\]|\\[0-3][0-7]{2}|\\x[0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\U[0-9a-fA-F]{8})*", re.DOTALL
)
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def literal(token: Token) -> tuple[str, Any]:
    """Return the kind and the value of a literal."""
    if token.type not in _READERS:
        refuse("unsigned literals such as 1u are not offered, since Avro has no unsigned type", "write 1")
    kind, read = _READERS[token.type]
    return kind, read(token)


def instant_ns(text: str) -> int:
    """Return the nanoseconds since 1970 of an RFC 3339 time."""
    if _RFC_3339.fullmatch(text):
        with suppress(ValueError):  # such as the thirtieth of February
            return (datetime.fromisoformat(text) - _EPOCH) // timedelta(microseconds=1) * 1000
    return refuse(f"'{text}' is no time", 'write timestamp("2026-01-31T00:00:00Z"), with Z or an offset')


def _null(_token: Token) -> None:
    return None


def _bool(token: Token) -> bool:
    return str(token) == "true"


def _int(token: Token) -> int:
    number = int(token, 16 if "x" in token else 10)
    if not INT_MIN <= number <= INT_MAX:
        refuse(f"{token} does not fit 64 bits", "use a smaller number")
    return number


def _string(token: Token) -> str:
    return str(celstr(_escaped(token)))


def _bytes(token: Token) -> bytes:
    return bytes(celbytes(_escaped(token)))


def _escaped(token: Token) -> Token:
    """Return the token if its escapes are CEL's: the library would take an unknown one for two characters."""
    raw = "r" in token[: token.find(token[-1])].lower()
    if not raw and not _ESCAPED.fullmatch(token):
        refuse(f"{token} has an escape that CEL does not know", r"double the backslash: \\")
    return token


_READERS: Mapping[str, tuple[str, Callable[[Token], Any]]] = {
    "NULL_LIT": ("null", _null),
    "BOOL_LIT": ("bool", _bool),
    "INT_LIT": ("int", _int),
    "FLOAT_LIT": ("double", float),
    "STRING_LIT": ("string", _string),
    "MLSTRING_LIT": ("string", _string),
    "BYTES_LIT": ("bytes", _bytes),
}
