"""What a dataset's Avro schema may not hold, although Avro allows it."""

from collections.abc import Iterator
from typing import Any

from .avro_paths import tree_leaves
from .avro_tree import Tree
from .errors import DocumentError

Wrong = tuple[str, str, str]
"""Path, message, remedy."""


def schema_problems(resolved: Tree) -> Iterator[Wrong]:
    """Yield what is wrong. Raises DocumentError for a type that contains itself, or a top that is no record."""
    if resolved.kind(resolved.root) != "record":
        raise DocumentError("the top of the schema is not a record", remedy="wrap it in a record")
    if not any(True for _ in tree_leaves(resolved, resolved.root, "", ())):
        raise DocumentError("the schema has no field", remedy="add the fields of the event")
    yield from _below(resolved, resolved.root, "", frozenset())


def _below(resolved: Tree, node: Any, path: str, inside: frozenset[str]) -> Iterator[Wrong]:
    if isinstance(node, list):
        for branch in node:
            yield from _below(resolved, branch, path, inside)
        return
    kind = resolved.kind(node)
    if kind == "record":
        yield from _record(resolved, node, path, inside)
    elif kind == "array":
        if _takes_no_bytes(resolved, node["items"]):
            # Five bytes of input could claim two thousand million of them.
            yield path, "the items of this array take no bytes", "give them a field, or count them in a number"
        yield from _below(resolved, node["items"], path + "[]", inside)
    elif kind == "map":
        yield from _below(resolved, node["values"], path + "{}", inside)


def _record(resolved: Tree, name: str, path: str, inside: frozenset[str]) -> Iterator[Wrong]:
    if name in inside:
        yield path, f"type `{name}` contains itself", "give the inner level a type of its own"
        return
    for field in resolved.types[name]["fields"]:
        below = f"{path}.{field['name']}" if path else field["name"]
        yield from _below(resolved, field["type"], below, inside | {name})


def _takes_no_bytes(resolved: Tree, node: Any) -> bool:
    kind = resolved.kind(node)
    if kind == "record":
        return all(_takes_no_bytes(resolved, field["type"]) for field in resolved.types[node]["fields"])
    return kind == "null"
