"""Newline-delimited JSON: one object a line, UTF-8."""

import json
import math
from collections.abc import Iterator
from typing import Any, BinaryIO

from ...schemas.reasons import Refusal
from .rows import Line, Row, lines, skip_bom, too_large


def ndjson_rows(stream: BinaryIO, limit: int) -> Iterator[Row]:
    """Yield the rows; blank lines are none."""
    skip_bom(stream)
    for line in lines(stream, limit):
        if line.raw is None or line.raw.strip():
            yield object_row(line)


def object_row(line: Line) -> Row:
    """Return the row of one JSON object, or why it is none."""
    if line.raw is None:
        return too_large(line.size, line.sha256)
    raw = line.raw.rstrip(b"\r\n")
    try:
        value = json_value(raw)
    except UnicodeError:
        return Row(line.size, refusal=Refusal.ENCODING, detail="not valid UTF-8", raw=raw)
    except json.JSONDecodeError as error:
        detail = f"not one JSON value (column {error.colno})"
        return Row(line.size, refusal=Refusal.ENCODING, detail=detail, raw=raw)
    except (ValueError, RecursionError):
        detail = "not usable JSON: a repeated key, a number out of range, or too deep"
        return Row(line.size, refusal=Refusal.ENCODING, detail=detail, raw=raw)
    if not isinstance(value, dict):
        return Row(line.size, refusal=Refusal.ENCODING, detail="not a JSON object", raw=raw)
    return Row(line.size, value=value)


def json_value(raw: bytes) -> Any:
    value = json.loads(raw.decode(), object_pairs_hook=_unique, parse_float=_finite, parse_constant=_refuse_constant)
    if b"\\ud" in raw or b"\\uD" in raw:
        # An escaped half of a surrogate pair is text that no UTF-8 can hold; it would fail far from here.
        json.dumps(value, ensure_ascii=False).encode()
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("repeated key")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError("number out of range")
    return number


def _refuse_constant(_: str) -> None:
    raise ValueError("no JSON number")
