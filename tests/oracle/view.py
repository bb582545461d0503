"""What the recipient must see: exact values where they follow from the documents, conditions where keys or chance play.

`expected` gives a tree shaped like the view record; its leaves are values or one of the classes below.
`disagreements` compares a view record, as decoded, with such a tree.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from math import floor
from typing import Any

from .documents import Contract

EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Encrypted:
    """Bytes that open to `original`, a value of `schema` at the concrete `path`."""

    original: Any
    path: str
    schema: Any


@dataclass(frozen=True)
class Pseudonym:
    """Text that is not the subject, the same for the same subject everywhere in the linkage domain."""

    subject: str


@dataclass(frozen=True)
class Rekeyed:
    """Text that is not the event id, the same for the same id everywhere in the linkage domain."""

    event_id: str


@dataclass(frozen=True)
class Noised:
    """A number of the same type, some whole `step`s from the clamped value, hardly ever many scales away."""

    clamped: Fraction
    step: Fraction
    kind: str
    scale: Fraction

    @property
    def farthest(self) -> Fraction:
        """Noise of more than 64 scales comes once in 10^27 times; rounding adds a step."""
        return 64 * (self.scale + self.step)


@dataclass(frozen=True)
class Exactly:
    """A float or double that must be this fraction, as near as its kind comes."""

    value: Fraction
    kind: str = "double"


class KeyUnavailableError(Exception):
    """A field is to be protected for somebody whom the event does not name."""


def at(event: Any, path: str) -> Any:
    for name in path.split("."):
        event = None if event is None else event[name]
    return event


def expected(contract: Contract, agreement: Any, event: Mapping[str, Any]) -> Any:
    walk = _Walk(contract, agreement, event)
    return walk.record(event, contract.schema, "", "")


class _Walk:
    def __init__(self, contract: Contract, agreement: Any, event: Any) -> None:
        self.contract = contract
        self.fields = agreement["fields"]
        self.event = event

    def record(self, value: Any, schema: Any, path: str, place: str) -> dict[str, Any]:
        found = {}
        for field in schema["fields"]:
            name = field["name"]
            below, where = (f"{path}.{name}", f"{place}.{name}") if path else (name, name)
            if self.remains(field["type"], field["space"], below):
                found[name] = self.value(value[name], field["type"], field["space"], below, where)
        return found

    def remains(self, schema: Any, space: str, path: str) -> bool:
        """Say whether anything at or below `path` is not omitted."""
        if path in self.fields:
            return self.fields[path]["do"] != "omit"
        kind = self.contract.without_null(schema, space)
        if isinstance(kind, list):
            return False
        if kind["type"] == "record":
            return any(
                self.remains(field["type"], field["space"], f"{path}.{field['name']}") for field in kind["fields"]
            )
        if kind["type"] == "array":
            return self.remains(kind["items"], kind["space"], f"{path}[]")
        if kind["type"] == "map":
            return self.remains(kind["values"], kind["space"], f"{path}{{}}")
        return False

    def hidden_whole(self, schema: Any, space: str, path: str) -> bool:
        """Say whether `path` is a map all of which is encrypted: then its keys are hidden too."""
        kind = self.contract.without_null(schema, space)
        if isinstance(kind, list) or kind["type"] != "map":
            return False
        return {said["do"] for below, said in self.fields.items() if below.startswith(path + "{}")} == {"encrypt"}

    def value(self, value: Any, schema: Any, space: str, path: str, place: str) -> Any:
        if self.hidden_whole(schema, space, path):
            return self.encrypted(value, schema, path, place)
        if path in self.fields:
            return self.protected(value, schema, space, path, place)
        if value is None:
            return None
        kind = self.contract.without_null(schema, space)
        if kind["type"] == "record":
            return self.record(value, kind, path, place)
        if kind["type"] == "array":
            return [
                self.value(item, kind["items"], kind["space"], f"{path}[]", f"{place}[{index}]")
                for index, item in enumerate(value)
            ]
        return {
            key: self.value(item, kind["values"], kind["space"], f"{path}{{}}", f"{place}{{{key}}}")
            for key, item in value.items()
        }

    def encrypted(self, value: Any, schema: Any, path: str, place: str) -> Encrypted:
        """A key is needed whatever the value: also null is hidden."""
        subject = self.contract.subject_of(path)
        if subject is not None and at(self.event, subject) in {None, ""}:
            raise KeyUnavailableError(subject)
        return Encrypted(value, place, schema)

    def protected(self, value: Any, schema: Any, space: str, path: str, place: str) -> Any:  # noqa: PLR0911 - one a rule
        safeguard = self.fields[path]
        if safeguard["do"] == "encrypt":
            return self.encrypted(value, schema, path, place)
        if value is None or safeguard["do"] == "pass":
            return value
        if safeguard["do"] == "mask":
            return masked(value, safeguard)
        if safeguard["do"] == "generalise":
            return generalised(value, self.contract.without_null(schema, space), safeguard)
        if safeguard["do"] == "pseudonymise":
            if path == self.contract.event_id:
                return Rekeyed(str(value))
            if value == "":
                raise KeyUnavailableError(path)
            return Pseudonym(str(value))
        if safeguard["do"] == "noise":
            return noised(value, self.contract.without_null(schema, space)["type"], safeguard)
        raise AssertionError(safeguard)


def masked(text: str, safeguard: Any) -> str:
    keep = int(safeguard.get("keep", "0"))
    hidden = "" if safeguard["how"] == "truncate" else "*" * max(len(text) - keep, 0)
    if safeguard.get("side", "start") == "start":
        return text[:keep] + hidden
    return hidden + (text[-keep:] if keep else "")


DAYS_IN_400_YEARS = 146_097
UNITS_A_DAY = {
    "date": 1,
    "timestamp-millis": 86_400 * 10**3,
    "timestamp-micros": 86_400 * 10**6,
    "timestamp-nanos": 86_400 * 10**9,
    "local-timestamp-millis": 86_400 * 10**3,
    "local-timestamp-micros": 86_400 * 10**6,
    "local-timestamp-nanos": 86_400 * 10**9,
}


def generalised(value: Any, kind: Any, safeguard: Any) -> Any:
    to = safeguard["to"]
    if to in {"day", "hour"}:
        units = UNITS_A_DAY[kind["logicalType"]] // (24 if to == "hour" else 1)
        return value - value % units
    if to in {"year", "month"}:
        a_day = UNITS_A_DAY[kind["logicalType"]]
        # The calendar repeats every 400 years, and Python knows the years 1 to 9999 only.
        eras, day = divmod(value // a_day, DAYS_IN_400_YEARS)
        on = EPOCH + timedelta(days=day)
        first = on.replace(day=1) if to == "month" else on.replace(month=1, day=1)
        return ((first - EPOCH).days + eras * DAYS_IN_400_YEARS) * a_day
    size = Fraction(safeguard["size"])
    cell = floor(Fraction(value) / size) * size
    if to == "grid":
        cell += size / 2
    return int(cell) if isinstance(value, int) else Exactly(cell, kind["type"])


def noised(value: Any, kind: str, safeguard: Any) -> Noised:
    low, high = (Fraction(bound) for bound in safeguard["clamp"])
    step = Fraction(safeguard.get("step", "1"))
    scale = Fraction(safeguard["sensitivity"]) / Fraction(safeguard["epsilon"])
    return Noised(min(max(Fraction(value), low), high), step, kind, scale)


def untagged(value: Any) -> Any:
    """Return a value without the words that say which branch of a union it is of."""
    if isinstance(value, tuple):
        return untagged(value[1])
    if isinstance(value, dict):
        return {name: untagged(one) for name, one in value.items()}
    return [untagged(one) for one in value] if isinstance(value, list) else value


# --- comparing --------------------------------------------------------------------------------------------------------


def disagreements(wanted: Any, found: Any, path: str = "") -> Iterator[str]:
    """Yield a sentence for each place where a view record is not as wanted; encrypted bytes are opened elsewhere."""
    wanted, found = untagged(wanted), untagged(found)
    if isinstance(wanted, dict) and isinstance(found, dict):
        if wanted.keys() != found.keys():
            yield f"{path or 'the record'}: has {sorted(found)}, wants {sorted(wanted)}"
            return
        for name in wanted:
            yield from disagreements(wanted[name], found[name], f"{path}.{name}" if path else name)
    elif isinstance(wanted, list) and isinstance(found, list):
        if len(wanted) != len(found):
            yield f"{path}: has {len(found)} items, wants {len(wanted)}"
            return
        for index, (one, other) in enumerate(zip(wanted, found, strict=True)):
            yield from disagreements(one, other, f"{path}[{index}]")
    elif not fits(wanted, found):
        yield f"{path}: is {found!r}, wants {wanted!r}"


def fits(wanted: Any, found: Any) -> bool:  # noqa: PLR0911 - one line a condition
    if isinstance(wanted, Encrypted):
        return isinstance(found, bytes)
    if isinstance(wanted, Pseudonym):
        return isinstance(found, str) and found not in {"", wanted.subject}
    if isinstance(wanted, Rekeyed):
        return isinstance(found, str) and found not in {"", wanted.event_id}
    if isinstance(wanted, Noised):
        return fits_noise(wanted, found)
    if isinstance(wanted, Exactly):
        return isinstance(found, float) and found == nearest(wanted.value, wanted.kind)
    if type(wanted) is not type(found):
        return False
    return bool(wanted == found) or (wanted != wanted and found != found)  # noqa: PLR0124 - NaN is NaN here


def fits_noise(wanted: Noised, found: Any) -> bool:
    """Say whether a number is of the right type, some multiple of the step, and near enough to be noise."""
    whole = wanted.kind in {"int", "long"}
    if isinstance(found, bool) or not isinstance(found, int if whole else float):
        return False
    steps = round(Fraction(found) / wanted.step)
    on_step = whole or found == nearest(steps * wanted.step, wanted.kind)
    return on_step and abs(Fraction(found) - wanted.clamped) <= wanted.farthest


def nearest(exact: Fraction, kind: str) -> float:
    """Return the float or double nearest to a fraction."""
    return float(exact) if kind == "double" else struct.unpack("<f", struct.pack("<f", float(exact)))[0]
