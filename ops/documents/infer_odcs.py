"""The ODCS document of a draft: every field there, none of them classified, and what a person must fill in said."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...schemas.avro_paths import tree_leaves
from ...schemas.avro_tree import Tree, tree

_LOGICAL = {"boolean": "boolean", "int": "integer", "long": "integer", "float": "number", "double": "number"}
_TIMES = {"timestamp-millis": "timestamp", "timestamp-micros": "timestamp", "date": "date"}
_IDENTIFIERS = frozenset(("string", "int", "long"))
_ID_NAMES = ("id", "uuid", "identifier", "event_id", "eventid")
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Page:
    """What a contract draft says besides its schema. `distinct`: paths whose values never repeated in the sample."""

    id: str
    provider: str = ""
    distinct: frozenset[str] = frozenset()
    notes: Mapping[str, str] = field(default_factory=dict)
    drops_unknown: bool = False


def odcs_text(page: Page, schema: Mapping[str, Any]) -> str:
    """Return the YAML of a contract over `schema`; holds names of fields and no value of a sample."""
    resolved = tree(schema)
    return "\n".join((*_heading(page, resolved), *_schema(resolved, page.notes))) + "\n"


def candidates(page: Page, resolved: Tree) -> dict[str, list[str]]:
    """Return, by role, the paths that could play it, the likeliest first."""
    leaves = [
        one for one in tree_leaves(resolved, resolved.root, "", ()) if "[]" not in one.path and "{}" not in one.path
    ]
    named = [one for one in leaves if not one.nullable and one.primitive in _IDENTIFIERS and not one.logical]
    named += [one for one in leaves if not one.nullable and one.logical == "uuid"]
    top = [one.path for one in named if "." not in one.path]
    times = [one.path for one in leaves if not one.nullable and one.logical in _TIMES]
    ids = [path for path in top if path in page.distinct or _is_id(path)]
    return {
        "eventId": sorted(ids, key=lambda path: (path not in page.distinct, not _is_id(path))),
        "eventTime": sorted(times, key=lambda path: not any(word in path.lower() for word in ("observ", "time", "at"))),
        "recordKey": [one.path for one in named if one.path not in page.distinct and _is_id(one.path)],
    }


def _is_id(path: str) -> bool:
    name = path.rpartition(".")[2].lower()
    return name in _ID_NAMES or name.endswith(("_id", "id")) or name.startswith("ref")


def _heading(page: Page, resolved: Tree) -> Iterator[str]:
    found = candidates(page, resolved)
    yield "# A draft, inferred from a sample. Fill in every `null`, classify every field, then: penstock check DIR"
    yield "# Until a field is classified it is treated as restricted: public, internal, confidential, restricted."
    yield from ("apiVersion: v3.1.0", "kind: DataContract", f"id: {page.id}", f"name: {page.id}")
    yield from ("version: 1.0.0", "status: draft", "customProperties:")
    yield from _custom("provider", page.provider or None, "a member's id")
    yield from _custom("avroSchema", f"{page.id}.avsc")
    yield from _custom("eventId", None, "the field whose value no two events share", found["eventId"])
    yield from _custom("eventTime", None, "the field that says when it happened", found["eventTime"])
    yield from _custom("partitions", 4)
    yield from _custom("retention", None, "a retention class of the charter")
    if page.drops_unknown:
        yield "  # The sample has fields whose names Avro cannot have; they are left out at the door."
        yield from _custom("unknownFields", "drop")
    likely = f"; candidates: {_some(found['recordKey'])}" if found["recordKey"] else ""
    yield f"  # Optional: penstock.recordKey, the field whose equal values keep their order{likely}"
    yield "  # If the events are about people: penstock.dataSubject, the field that says whose data it is"


def _custom(name: str, value: Any, about: str = "", found: Sequence[str] = ()) -> Iterator[str]:
    yield f"  - property: penstock.{name}"
    if value is not None:
        yield f"    value: {json.dumps(value)}"
    else:
        likely = f"; candidates: {_some(found)}" if found else "; no field of the sample fits" if found == [] else ""
        yield f"    value: null  # {about}{likely}"


def _some(paths: Sequence[str]) -> str:
    return ", ".join(paths[:_MOST_NAMED])


def _schema(resolved: Tree, notes: Mapping[str, str]) -> Iterator[str]:
    name = str(resolved.root).rpartition(".")[2]
    yield from ("schema:", f"  - name: {json.dumps(name)}", "    logicalType: object", "    physicalType: record")
    yield "    properties:"
    yield from _properties(resolved, resolved.root, "", " " * 6, notes)


def _properties(resolved: Tree, record: Any, above: str, pad: str, notes: Mapping[str, str]) -> Iterator[str]:
    for one in resolved.types[record]["fields"]:
        path = f"{above}.{one['name']}" if above else one["name"]
        if path in notes:
            yield f"{pad}# {notes[path]}"
        yield f"{pad}- name: {json.dumps(one['name'])}"
        yield from _node(resolved, one["type"], path, pad + "  ", notes)


def _node(resolved: Tree, node: Any, path: str, pad: str, notes: Mapping[str, str]) -> Iterator[str]:
    bare, nullable = resolved.without_null(node)
    kind = resolved.kind(bare)
    logical, physical = _types(resolved, bare, kind)
    yield f"{pad}logicalType: {logical}"
    yield f"{pad}physicalType: {physical}"
    if not nullable:
        yield f"{pad}required: true"
    if kind == "record":
        yield f"{pad}properties:"
        yield from _properties(resolved, bare, path, pad + "  ", notes)
    elif kind == "array":
        yield f"{pad}items:"
        yield from _item(resolved, bare["items"], path + "[]", pad + "  ", notes)


def _item(resolved: Tree, node: Any, path: str, pad: str, notes: Mapping[str, str]) -> Iterator[str]:
    if path in notes:
        yield f"{pad}# {notes[path]}"
    yield from _node(resolved, node, path, pad, notes)


def _types(resolved: Tree, bare: Any, kind: str) -> tuple[str, str]:
    found = resolved.resolve(bare)
    logical = found.get("logicalType") if isinstance(found, dict) else None
    if kind in {"record", "map"}:
        return "object", kind
    if kind in {"array", "union"}:
        return ("array", kind) if kind == "array" else ("string", kind)
    return _TIMES.get(logical or "", _LOGICAL.get(kind, "string")), f"{kind} ({logical})" if logical else kind
