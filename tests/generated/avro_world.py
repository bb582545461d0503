"""Strategies of Avro: types, and values of a type as a decoded event holds them.

A value of a union whose Python type does not tell the branch is the pair (branch, value), as the codec has it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

SPACE = "gen"
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=6)
PLAIN = (
    "boolean",
    "int",
    "long",
    "float",
    "double",
    "string",
    "bytes",
    {"type": "string", "logicalType": "uuid"},
    {"type": "int", "logicalType": "date"},
    {"type": "long", "logicalType": "timestamp-millis"},
    {"type": "long", "logicalType": "timestamp-micros"},
    {"type": "long", "logicalType": "local-timestamp-millis"},
    {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2},
)
BRANCHES = (
    "boolean", "int", "long", "double", "string", "bytes", "enum", "fixed", "record", "other record", "array", "map",
)  # fmt: skip
PYTHON = {
    "null": type(None), "boolean": bool, "int": int, "long": int, "float": float, "double": float, "bytes": bytes,
    "fixed": bytes, "string": str, "enum": str, "array": list, "map": dict, "record": dict,
}  # fmt: skip
YEARS_MS = 10**14  # some three thousand years in milliseconds
NOW = {
    "date": 20_727,
    "timestamp-millis": 20_727 * 86_400_000,
    "timestamp-micros": 20_727 * 86_400_000_000,
}  # 2026-10-01
RANGES = {
    "date": (-(10**6), 10**6),
    "timestamp-millis": (-YEARS_MS, YEARS_MS),
    "timestamp-micros": (-YEARS_MS * 1000, YEARS_MS * 1000),
    "local-timestamp-millis": (-YEARS_MS, YEARS_MS),
}


@dataclass
class Types:
    """The named types of one schema so far; a name may be used again once its definition is complete."""

    known: dict[str, Any] = field(default_factory=dict)
    count: int = 0

    def name(self, prefix: str) -> str:
        self.count += 1
        return f"{prefix}{self.count}"

    def resolve(self, schema: Any) -> Any:
        if isinstance(schema, str):
            return self.known.get(schema, {"type": schema})
        return schema


@st.composite
def a_type(draw: st.DrawFn, types: Types, depth: int, *, in_union: bool = False) -> Any:  # noqa: PLR0911 - one line a kind
    kinds = ["plain"] * 5 + ["enum", "fixed"] + ["optional", "optional"] * (not in_union)
    kinds += ["known"] * bool(types.known)
    kinds += ["record", "record", "array", "map"] * (depth > 0) + ["union"] * (depth > 0 and not in_union)
    kind = draw(st.sampled_from(kinds))
    if kind == "plain":
        return draw(st.sampled_from(PLAIN))
    if kind == "known":
        return draw(st.sampled_from(sorted(types.known)))
    if kind == "optional":
        return draw(st.permutations(["null", draw(a_type(types, depth, in_union=True))]))
    if kind == "array":
        return {"type": "array", "items": draw(a_type(types, depth - 1))}
    if kind == "map":
        return {"type": "map", "values": draw(a_type(types, depth - 1))}
    if kind == "union":
        return draw(a_union(types, depth - 1))
    return draw(a_named(types, kind, depth))


@st.composite
def a_named(draw: st.DrawFn, types: Types, kind: str, depth: int) -> Any:
    name = types.name({"enum": "E", "fixed": "F", "record": "R"}[kind])
    made: dict[str, Any] = {"type": kind, "name": name}
    if kind == "enum":
        made["symbols"] = draw(st.lists(st.sampled_from("ABCDEF"), min_size=1, max_size=4, unique=True))
    elif kind == "fixed":
        made["size"] = draw(st.integers(1, 4))
    else:
        made["fields"] = draw(fields(types, depth - 1, "abc", most=3))
    types.known[name] = made
    return made


@st.composite
def fields(draw: st.DrawFn, types: Types, depth: int, letters: str, most: int) -> list[Any]:
    names = draw(st.lists(st.sampled_from(letters), min_size=1, max_size=most, unique=True))
    return [{"name": name, "type": draw(a_type(types, depth))} for name in names]


@st.composite
def a_union(draw: st.DrawFn, types: Types, depth: int) -> Any:
    kinds = st.lists(st.sampled_from(BRANCHES), min_size=2, max_size=4, unique=True)
    branches = []
    for kind in draw(kinds):
        if kind in {"array", "map"}:
            inner = "items" if kind == "array" else "values"
            branches.append({"type": kind, inner: draw(a_type(types, depth))})
        elif kind in {"enum", "fixed", "record", "other record"}:
            branches.append(draw(a_named(types, kind.removeprefix("other "), depth)))
        else:
            branches.append(kind)
    if draw(st.booleans()):
        branches.insert(draw(st.integers(0, len(branches))), "null")
    return branches


def label(schema: Any, types: Types) -> str:
    found = types.resolve(schema)
    return f"{SPACE}.{found['name']}" if "name" in found else str(found["type"])


@st.composite
def a_schema(draw: st.DrawFn) -> tuple[dict[str, Any], Types]:
    """Return a dataset's schema: an id, a time and a person that every contract needs, and anything else."""
    types = Types()
    identifier = st.sampled_from(["string", "long", {"type": "string", "logicalType": "uuid"}])
    made = [
        {"name": "event_id", "type": draw(identifier)},
        {"name": "at", "type": draw(st.sampled_from([PLAIN[8], PLAIN[9], PLAIN[10]]))},
    ]
    nested = draw(st.booleans())
    person = {"name": "person", "type": draw(st.sampled_from(["string", "long"]))}
    if nested:
        holder = {"type": "record", "name": "Whose", "fields": [person, *draw(fields(types, 1, "abc", most=2))]}
        types.known["Whose"] = holder
        made.append({"name": "whose", "type": holder})
    else:
        made.append(person)
    if draw(st.booleans()):
        made.append({"name": "spouse", "type": ["null", "string"]})
    made += draw(fields(types, 3, "uvwxyz", most=5))
    return {"type": "record", "name": "Event", "namespace": SPACE, "fields": made}, types


def a_small_schema() -> tuple[dict[str, Any], Types]:
    """Return one fixed schema, for what does not depend on schemas."""
    fields = {"event_id": "string", "at": PLAIN[9], "person": "string", "spouse": ["null", "string"], "u": "long"}
    made = [{"name": name, "type": one} for name, one in {**fields, "v": ["null", "double"]}.items()]
    return {"type": "record", "name": "Event", "namespace": SPACE, "fields": made}, Types()


def a_schema_for_predicates() -> tuple[dict[str, Any], Types]:
    """Return one fixed schema with a field of every kind that a predicate can read, so that operands often meet."""
    types = Types()
    inner = {"type": "record", "name": "In", "fields": [{"name": "a", "type": ["null", "int"]}]}
    types.known |= {"In": inner, "E": {"type": "enum", "name": "E", "symbols": ["A", "B"]}}
    fields: dict[str, Any] = {
        "n": "int", "m": "long", "d": "double", "s": "string", "t": ["null", "string"], "b": "boolean",
        "day": PLAIN[8], "ms": PLAIN[9], "us": ["null", PLAIN[10]], "e": types.known["E"], "in_": ["null", inner],
        "items": {"type": "array", "items": "int"}, "u": ["int", "string", "E"],
        "labels": {"type": "map", "values": ["null", "string"]},
    }  # fmt: skip
    made = [{"name": name, "type": one} for name, one in fields.items()]
    return {"type": "record", "name": "Event", "namespace": SPACE, "fields": made}, types


# --- values -----------------------------------------------------------------------------------------------------------


def value(schema: Any, types: Types) -> st.SearchStrategy[Any]:  # noqa: PLR0911 - one line a kind
    if isinstance(schema, list):
        return st.one_of([branch_value(branch, schema, types) for branch in schema])
    found = types.resolve(schema)
    kind = found["type"]
    if kind == "record":
        return st.fixed_dictionaries({one["name"]: value(one["type"], types) for one in found["fields"]})
    if kind == "array":
        return st.lists(value(found["items"], types), max_size=3)
    if kind == "map":
        return st.dictionaries(TEXT, value(found["values"], types), max_size=3)
    if kind == "enum":
        return st.sampled_from(found["symbols"])
    if kind == "fixed":
        return st.binary(min_size=found["size"], max_size=found["size"])
    if found.get("logicalType") in RANGES:
        now = NOW.get(found["logicalType"], 0)
        return st.integers(*RANGES[found["logicalType"]]) | st.sampled_from([0, now, now + 1])
    if found.get("logicalType") == "uuid":
        return st.uuids().map(str)
    return PLAIN_VALUES[kind]


def branch_value(branch: Any, union: list[Any], types: Types) -> st.SearchStrategy[Any]:
    kinds = [PYTHON[types.resolve(one)["type"]] for one in union]
    of_this = value(branch, types)
    if kinds.count(PYTHON[types.resolve(branch)["type"]]) > 1:
        return of_this.map(lambda inner: (label(branch, types), inner))
    return of_this


PLAIN_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "null": st.none(),
    "boolean": st.booleans(),
    "int": st.integers(-3, 3) | st.integers(-(2**30), 2**30),
    "long": st.integers(-3, 3) | st.integers(-(2**61), 2**61),
    "float": st.floats(-1e6, 1e6, width=32),
    "double": st.sampled_from([0.0, -0.0, 0.1, 0.3, -0.1]) | st.floats(-1e9, 1e9),
    "string": st.sampled_from(["", "a", "ab"]) | TEXT,
    "bytes": st.binary(max_size=5),
}


# --- where things stand -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """A leaf, or (`inside` true) a node with leaves below. `types` are its type's branches without null."""

    path: str
    schema: Any
    nullable: bool
    inside: bool

    @property
    def kind(self) -> str:
        return "union" if isinstance(self.schema, list) else str(self.schema["type"])

    @property
    def logical(self) -> str | None:
        return None if isinstance(self.schema, list) else self.schema.get("logicalType")


def places(schema: Any, types: Types, path: str = "") -> Iterator[Place]:
    """Yield every node below the record `schema`, each before what is inside it."""
    for one in schema["fields"]:
        yield from place(one["type"], types, f"{path}.{one['name']}" if path else one["name"])


def place(schema: Any, types: Types, path: str) -> Iterator[Place]:
    branches = schema if isinstance(schema, list) else [schema]
    rest = [types.resolve(branch) for branch in branches if branch != "null"]
    nullable = len(rest) < len(branches)
    if len(rest) > 1:
        yield Place(path, rest, nullable, inside=False)
        return
    (found,) = rest
    kind = found["type"]
    yield Place(path, found, nullable, inside=kind in {"record", "array", "map"})
    if kind == "record":
        yield from places(found, types, path)
    elif kind == "array":
        yield from place(found["items"], types, f"{path}[]")
    elif kind == "map":
        yield from place(found["values"], types, f"{path}{{}}")
