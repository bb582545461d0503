"""What a sample of JSON values looks like, keeping none of them: kinds, fields, how often something was there."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
LONGEST = 2**63
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)")
_LOCAL = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_LONG = re.compile(r"-?(?:0|[1-9]\d{0,17})")
_DOUBLE = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d{1,2})?")


@dataclass(slots=True)
class Shape:
    """Every value met at one place. `kinds` are words for scalars; `fields` of records, `items` of arrays.

    `seen` counts values that are not null, `missing` records without the field. `digests` tell whether values repeat;
    nothing can be read back from them.
    """

    kinds: set[str] = field(default_factory=set)
    seen: int = 0
    nulls: int = 0
    missing: int = 0
    records: int = 0
    arrays: int = 0
    fields: dict[str, "Shape"] = field(default_factory=dict)
    items: "Shape | None" = None
    digests: set[bytes] = field(default_factory=set)

    def add(self, value: Any, *, text: bool = False) -> None:
        """Take in a value; with `text` its leaves are text that may stand for something else (CSV)."""
        if value is None or (text and value == ""):
            self.nulls += 1
            return
        self.seen += 1
        if isinstance(value, Mapping):
            self._add_record(value, text=text)
        elif isinstance(value, list):
            self.arrays += 1
            self.items = self.items or Shape()
            for item in value:
                self.items.add(item)
        else:
            self.kinds.add(kind_of_text(value) if text else kind_of(value))
            self.digests.add(hashlib.blake2b(repr(value).encode(errors="replace"), digest_size=8).digest())

    def _add_record(self, value: Mapping[str, Any], *, text: bool) -> None:
        for name in value:
            if name not in self.fields:
                self.fields[name] = Shape(missing=self.records)
        for name, shape in self.fields.items():
            if name in value:
                shape.add(value[name], text=text)
            else:
                shape.missing += 1
        self.records += 1

    def merge(self, other: "Shape") -> None:
        """Take in all that another shape has seen, as if it had been met here."""
        for name in (*self.fields, *(name for name in other.fields if name not in self.fields)):
            if name not in other.fields:
                self.fields[name].missing += other.records
                continue
            self.fields.setdefault(name, Shape(missing=self.records)).merge(other.fields[name])
        self.kinds |= other.kinds
        self.digests |= other.digests
        for count in ("seen", "nulls", "missing", "records", "arrays"):
            setattr(self, count, getattr(self, count) + getattr(other, count))
        if other.items is not None:
            self.items = self.items or Shape()
            self.items.merge(other.items)

    @property
    def absent(self) -> int:
        """How often there was no value."""
        return self.nulls + self.missing

    @property
    def distinct(self) -> bool:
        """Whether no value came twice, of at least two."""
        return self.seen > 1 and len(self.digests) == self.seen


def kind_of(value: Any) -> str:
    """Return the word for a JSON scalar."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "long" if -LONGEST <= value < LONGEST else "double"
    if isinstance(value, float):
        return "double"
    return _kind_of_string(str(value))


def kind_of_text(value: Any) -> str:
    """Return the word for what a cell may stand for; a number with a leading zero is an identifier, so text."""
    text = str(value)
    if text.lower() in {"true", "false"}:
        return "boolean"
    if _LONG.fullmatch(text):
        return "long"
    if _DOUBLE.fullmatch(text):
        return "double"
    return _kind_of_string(text)


def _kind_of_string(text: str) -> str:
    if _UUID.fullmatch(text):
        return "uuid"
    if _INSTANT.fullmatch(text) and _parses(datetime, text):
        return "timestamp"
    if _LOCAL.fullmatch(text):
        return "local"
    if _DATE.fullmatch(text) and _parses(date, text):
        return "date"
    return "string"


def _parses(kind: type[date], text: str) -> bool:
    try:
        kind.fromisoformat(text.upper())
    except ValueError:
        return False
    return True
