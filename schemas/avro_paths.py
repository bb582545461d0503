"""Field paths: how documents point into an Avro schema.

A path is field names joined by dots; `[]` after a name means every item of that array, `{}` every value of that map:
`payer.name`, `items[].amount`, `labels{}`. A union with null is passed through without a mark. A union of several
branches beside null is one leaf: it is protected whole.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .avro_decode import decoder
from .avro_tree import Tree, emit, tree
from .avro_union import bare
from .errors import DocumentError

_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\[\]|\{\})*(?:\.[A-Za-z_][A-Za-z0-9_]*(?:\[\]|\{\})*)*")
_STEP = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|\[\]|\{\}")


@dataclass(frozen=True, slots=True)
class Leaf:
    """A place in the schema that holds a value of its own.

    `type` is self-contained Avro JSON as written, logical type and union included. `nullable`: null is one of its
    branches. `primitive` and `logical` are those of the one branch beside null; a union of several is `union`.
    """

    path: str
    type: Any
    nullable: bool
    logical: str | None
    primitive: str


def steps(path: str) -> tuple[str, ...]:
    """Return the steps of a path: field names, `[]` and `{}`. Raises DocumentError when it is no path."""
    if not _PATH.fullmatch(path):
        raise DocumentError(f"`{path}` is no field path", remedy="write it like payer.name, items[].amount or labels{}")
    return tuple(_STEP.findall(path))


def leaves(schema: Any) -> Mapping[str, Leaf]:
    """Return every leaf of a record schema by path, in the order of the schema.

    Raises DocumentError when the schema is invalid or no record, when a type contains itself, and when the schema is
    one that cannot be decoded safely.
    """
    resolved = tree(schema)
    if resolved.kind(resolved.root) != "record":
        raise DocumentError("the top of a dataset's Avro schema is not a record", remedy="wrap it in a record")
    decoder(resolved, resolved.root)
    return {leaf.path: leaf for leaf in tree_leaves(resolved, resolved.root, "", ())}


def tree_leaves(resolved: Tree, node: Any, path: str, inside: tuple[str, ...]) -> Iterator[Leaf]:
    """Yield the leaves below `node`, which stands at `path` inside the named records `inside`."""
    bare, nullable = resolved.without_null(node)
    kind = resolved.kind(bare)
    if kind == "record":
        yield from _record_leaves(resolved, bare, path, inside)
    elif kind == "array":
        yield from tree_leaves(resolved, bare["items"], path + "[]", inside)
    elif kind == "map":
        yield from tree_leaves(resolved, bare["values"], path + "{}", inside)
    else:
        found = resolved.resolve(bare)
        logical = found.get("logicalType") if isinstance(found, dict) else None
        yield Leaf(path, emit(resolved, node), nullable or kind == "null", logical, kind)


def _record_leaves(resolved: Tree, name: str, path: str, inside: tuple[str, ...]) -> Iterator[Leaf]:
    if name in inside:
        msg = f"type `{name}` contains itself (at `{path}`)"
        raise DocumentError(msg, remedy="give the inner level a type of its own, as deep as the data really goes")
    for field in resolved.types[name]["fields"]:
        below = f"{path}.{field['name']}" if path else field["name"]
        yield from tree_leaves(resolved, field["type"], below, (*inside, name))


def node_at(resolved: Tree, path: str) -> Any:
    """Return the node at `path`, its union with null included. Raises DocumentError when there is none."""
    node = resolved.root
    for step in steps(path):
        bare, _ = resolved.without_null(node)
        node = _below(resolved, bare, step)
        if node is None:
            raise DocumentError(f"the Avro schema has no field `{path}`", remedy="compare it with the schema's fields")
    return node


def _below(resolved: Tree, node: Any, step: str) -> Any:
    kind = resolved.kind(node)
    if step == "[]":
        return node["items"] if kind == "array" else None
    if step == "{}":
        return node["values"] if kind == "map" else None
    fields = resolved.types[node]["fields"] if kind == "record" else ()
    return next((field["type"] for field in fields if field["name"] == step), None)


def type_at(schema: Any, path: str) -> Any:
    """Return the type at `path`, leaf or interior, as self-contained Avro JSON.

    Raises DocumentError when the schema is invalid or has no such path.
    """
    resolved = tree(schema)
    return emit(resolved, node_at(resolved, path))


def covers(outer: str, path: str) -> bool:
    """Say whether `outer` is `path` itself or an interior node that `path` lies in."""
    return path == outer or (path.startswith(outer) and path[len(outer)] in ".[{")


def getter(path: str) -> Callable[[Mapping[str, Any]], Any]:
    """Return a function that gives the value at `path` of a decoded event, None below a null, a union's value bare.

    Raises DocumentError for a path through an array or a map: it has many values.
    """
    names = steps(path)
    if "[]" in names or "{}" in names:
        raise DocumentError(f"`{path}` goes through an array or a map, so it has many values", remedy="name one field")
    if len(names) == 1:
        return _first(names[0])
    return _deep(names)


def _first(name: str) -> Callable[[Mapping[str, Any]], Any]:
    return lambda event: bare(event[name])


def _deep(names: tuple[str, ...]) -> Callable[[Mapping[str, Any]], Any]:
    def get(event: Mapping[str, Any]) -> Any:
        value: Any = event
        for name in names:
            if value is None:
                return None
            value = value[name]
        return bare(value)

    return get
