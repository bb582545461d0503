"""Hooks of the fuzzing run: bodies of lines are text; good cases repeat no key, and write whole numbers as such."""

import itertools
from typing import Any

import schemathesis
from schemathesis.generation import GenerationMode

_numbers = itertools.count()


@schemathesis.serializer("application/x-ndjson", "application/vnd.penstock.avro+x-ndjson")
def lines(_context: Any, value: Any) -> bytes:
    """Text as it is; what is no text has no form here, and becomes nothing."""
    return value.encode(errors="surrogatepass") if isinstance(value, str) else b""


@schemathesis.hook
def before_call(_context: Any, case: Any, _kwargs: Any) -> None:
    """Mend what a description cannot say: a key with another body is a 422, and 7.0 is no whole number."""
    if case.meta is None or case.meta.generation.mode is not GenerationMode.POSITIVE:
        return
    case.body = _whole(case.body)
    if key := (case.headers or {}).get("Idempotency-Key"):
        case.headers["Idempotency-Key"] = f"{next(_numbers)}-{key.strip(chr(34))}"[:255]


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _whole(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_whole(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
