"""The physical side of a type: what it is on the wire, without logical types, and the digest that stands for it."""

import hashlib
import json
from typing import Any

from .avro_tree import Tree, tree

_LOGICAL = frozenset(("logicalType", "precision", "scale"))
DIGEST_SIZE = 8


def physical(schema: Any) -> Any:
    """Return `schema` without logical types: a date is an int, a decimal is bytes or fixed. Nothing else changes."""
    if isinstance(schema, list):
        return [physical(branch) for branch in schema]
    if not isinstance(schema, dict):
        return schema
    kind = schema.get("type")
    out = {key: value for key, value in schema.items() if key not in _LOGICAL}
    out["type"] = kind if isinstance(kind, str) else physical(kind)
    for inner in ("items", "values"):
        if inner in out:
            out[inner] = physical(out[inner])
    if isinstance(out.get("fields"), list):
        out["fields"] = [{**field, "type": physical(field["type"])} for field in out["fields"]]
    return out["type"] if len(out) == 1 else out


def parsing_canonical(schema: Any) -> str:
    """Return the Avro Parsing Canonical Form of `schema`: each named type at its first use, then its full name.

    Raises DocumentError when `schema` is not valid.
    """
    resolved = tree(schema)
    return json.dumps(_canonical(resolved, resolved.root, set()), separators=(",", ":"), ensure_ascii=False)


def type_digest(schema: Any) -> bytes:
    """Return the first 8 bytes of the SHA-256 of the canonical form of `schema`, which may be any type."""
    return hashlib.sha256(parsing_canonical(schema).encode()).digest()[:DIGEST_SIZE]


def _canonical(resolved: Tree, node: Any, written: set[str]) -> Any:
    if isinstance(node, list):
        return [_canonical(resolved, branch, written) for branch in node]
    if isinstance(node, str):
        return _canonical_name(resolved, node, written)
    kind = node["type"]
    if kind == "array":
        return {"type": kind, "items": _canonical(resolved, node["items"], written)}
    if kind == "map":
        return {"type": kind, "values": _canonical(resolved, node["values"], written)}
    return kind


def _canonical_name(resolved: Tree, name: str, written: set[str]) -> Any:
    definition = resolved.types.get(name)
    if definition is None or name in written:
        return name
    written.add(name)
    kind = definition["type"]
    if kind == "fixed":
        return {"name": name, "type": kind, "size": definition["size"]}
    if kind == "enum":
        return {"name": name, "type": kind, "symbols": definition["symbols"]}
    fields = [
        {"name": field["name"], "type": _canonical(resolved, field["type"], written)} for field in definition["fields"]
    ]
    return {"name": name, "type": kind, "fields": fields}
