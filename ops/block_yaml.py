"""Block YAML for files that people read: mappings, lists, texts and numbers, no more."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_PLAIN = re.compile(r"(?!(true|false|yes|no|on|off|null)$)[A-Za-z][A-Za-z0-9_/.-]*")


def block_yaml(value: Mapping[str, Any]) -> str:
    """Return `value` as YAML. Keys must be plain words; a text of several lines becomes a literal block."""
    return "\n".join(_mapping(value, 0)) + "\n"


def _mapping(value: Mapping[str, Any], depth: int) -> Iterator[str]:
    for key, inner in value.items():
        yield from _entry(f"{'  ' * depth}{key}:", inner, depth)


def _entry(head: str, value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        yield head
        yield from _mapping(value, depth + 1)
    elif isinstance(value, Sequence) and not isinstance(value, str) and value:
        yield head
        for one in value:
            yield from _item(one, depth + 1)
    elif isinstance(value, str) and "\n" in value:
        yield f"{head} |-"
        yield from ("  " * (depth + 1) + line for line in value.split("\n"))
    else:
        yield f"{head} {_scalar(value)}"


def _item(value: Any, depth: int) -> Iterator[str]:
    lead = f"{'  ' * depth}- "
    if not isinstance(value, Mapping):
        yield lead + _scalar(value)
        return
    lines = list(_mapping(value, depth + 1))
    yield lead + lines[0].lstrip()
    yield from lines[1:]


def _scalar(value: Any) -> str:
    """Return a scalar: words as they are, a text with double quotes in single ones, all else as JSON, valid in YAML."""
    if isinstance(value, str) and _PLAIN.fullmatch(value):
        return value
    if isinstance(value, str) and '"' in value:
        return "'" + value.replace("'", "''") + "'"
    return json.dumps(value, ensure_ascii=False)
