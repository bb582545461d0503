"""An Avro schema with every name resolved: one table of named types, and nodes that refer to it by full name."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import fastavro

from .errors import DocumentError

PRIMITIVES = frozenset(("null", "boolean", "int", "long", "float", "double", "bytes", "string"))
NAMED = frozenset(("record", "enum", "fixed"))
_INNER = {"array": "items", "map": "values"}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_REMEDY = "see https://avro.apache.org/docs/1.12.0/specification/"


@dataclass(frozen=True, slots=True)
class Tree:
    """A resolved schema.

    A node is a primitive's or a named type's full name, a list (union), or a dict (array, map, primitive with
    properties). Definitions of named types stand in `types` only, with `name` the full name and no `namespace`.
    """

    root: Any
    types: Mapping[str, dict[str, Any]]

    def resolve(self, node: Any) -> Any:
        """Return the definition behind a named type's name, any other node as it is."""
        return self.types.get(node, node) if isinstance(node, str) else node

    def kind(self, node: Any) -> str:
        """Return `union`, or the name of the Avro type, such as `record`."""
        found = self.resolve(node)
        if isinstance(found, list):
            return "union"
        return str(found["type"]) if isinstance(found, dict) else str(found)

    def without_null(self, node: Any) -> tuple[Any, bool]:
        """Return the one branch beside null and whether null is one; a union of several branches stays a union."""
        if not isinstance(node, list):
            return node, False
        rest = [branch for branch in node if self.kind(branch) != "null"]
        nullable = len(rest) < len(node)
        if len(rest) == 1:
            return rest[0], nullable
        return (rest or "null"), nullable


def tree(schema: Any) -> Tree:
    """Return `schema` resolved. Raises DocumentError, naming type or field, where it is no valid Avro schema."""
    builder = _Builder()
    try:
        root = builder.node(schema, "")
        fastavro.parse_schema(schema)
    except DocumentError:
        raise
    except RecursionError:
        raise DocumentError("the Avro schema is nested too deeply", remedy="flatten it") from None
    except Exception as error:  # noqa: BLE001 - fastavro raises whatever its walk runs into
        msg = f"not a valid Avro schema: {type(error).__name__}: {error}"
        raise DocumentError(msg, remedy=_REMEDY) from None
    return Tree(root, builder.types)


def emit(resolved: Tree, node: Any) -> Any:
    """Return `node` as self-contained Avro JSON: each named type defined where it is first used."""
    return _Emitter(resolved).node(node, "")


def _bad(what: str) -> DocumentError:
    return DocumentError(f"not a valid Avro schema: {what}", remedy=_REMEDY)


class _Builder:
    def __init__(self) -> None:
        self.types: dict[str, dict[str, Any]] = {}

    def node(self, schema: Any, space: str) -> Any:
        if isinstance(schema, str):
            return self._reference(schema, space)
        if isinstance(schema, list):
            return self._union(schema, space)
        if not isinstance(schema, dict) or "type" not in schema:
            raise _bad("a type is a name, a list of types, or an object with `type`")
        return self._object(schema, space)

    def _object(self, schema: dict[str, Any], space: str) -> Any:
        kind = schema["type"]
        if not isinstance(kind, str):
            return self.node(kind, space)
        if kind in NAMED:
            return self._named(schema, kind, space)
        if kind in _INNER:
            return self._collection(schema, _INNER[kind], space)
        if kind in PRIMITIVES and len(schema) > 1:
            return dict(schema)
        return self._reference(kind, space)

    def _collection(self, schema: dict[str, Any], inner: str, space: str) -> dict[str, Any]:
        if inner not in schema:
            raise _bad(f"an array or map without `{inner}`")
        return {**schema, inner: self.node(schema[inner], space)}

    def _reference(self, name: str, space: str) -> str:
        if name in PRIMITIVES:
            return name
        full = f"{space}.{name}" if space and "." not in name else name
        if full not in self.types:
            raise _bad(f"type `{full}` is not defined before it is used")
        return full

    def _union(self, branches: list[Any], space: str) -> list[Any]:
        nodes = [self.node(branch, space) for branch in branches]
        seen: set[str] = set()
        for branch in nodes:
            label = branch_label(branch)
            if isinstance(branch, list) or label in seen:
                raise _bad("a union holds no union, and each type and name once")
            seen.add(label)
        if not nodes:
            raise _bad("a union without branches")
        return nodes

    def _named(self, schema: dict[str, Any], kind: str, space: str) -> str:
        full, inner = _full_name(schema, space)
        if full in self.types:
            raise _bad(f"type `{full}` is defined twice")
        definition = {key: value for key, value in schema.items() if key != "namespace"}
        definition["name"] = full
        self.types[full] = definition
        if kind == "record":
            definition["fields"] = list(self._fields(schema, full, inner))
        elif kind == "enum":
            _check_symbols(schema, full)
        else:
            _check_size(schema, full)
        return full

    def _fields(self, schema: dict[str, Any], full: str, space: str) -> Iterator[dict[str, Any]]:
        fields = schema.get("fields")
        if not isinstance(fields, list):
            raise _bad(f"record `{full}` without a list of `fields`")
        seen: set[str] = set()
        for field in fields:
            name = field.get("name") if isinstance(field, dict) else None
            if not isinstance(name, str) or not _NAME.fullmatch(name) or name in seen or "type" not in field:
                raise _bad(f"record `{full}`: every field has a name of its own (letters, digits, _) and a type")
            seen.add(name)
            yield {**field, "type": self.node(field["type"], space)}


def _full_name(schema: dict[str, Any], space: str) -> tuple[str, str]:
    """Return (full name, namespace for what is inside)."""
    name, inner = schema.get("name"), schema.get("namespace", space)
    if not isinstance(name, str) or not isinstance(inner, str):
        raise _bad("a named type without a name")
    if "." in name:
        inner, name = name.rsplit(".", 1)
    full = f"{inner}.{name}" if inner else name
    if not all(_NAME.fullmatch(part) for part in full.split(".")) or full in PRIMITIVES:
        raise _bad("a named type whose name is not letters, digits and _ between dots")
    if space and not inner:
        raise _bad(f"type `{full}` has no namespace inside one that has: nothing could refer to it")
    return full, inner


def _check_symbols(schema: dict[str, Any], full: str) -> None:
    symbols = schema.get("symbols")
    if not isinstance(symbols, list) or not symbols:
        raise _bad(f"enum `{full}` without symbols")


def _check_size(schema: dict[str, Any], full: str) -> None:
    size = schema.get("size")
    if not isinstance(size, int) or isinstance(size, bool) or size < 1:
        raise _bad(f"fixed `{full}` without a size above 0")


def inner_key(node: Mapping[str, Any]) -> str | None:
    """Return the key under which an array or a map holds its inner type, None for a primitive."""
    return _INNER.get(node["type"])


def branch_label(node: Any) -> str:
    """Return what tells a union's branch from the others: a named type's full name, else the type."""
    if isinstance(node, str):
        return node
    return "union" if isinstance(node, list) else str(node["type"])


class _Emitter:
    def __init__(self, resolved: Tree) -> None:
        self._tree = resolved
        self._written: set[str] = set()

    def node(self, node: Any, space: str) -> Any:
        if isinstance(node, list):
            return [self.node(branch, space) for branch in node]
        if isinstance(node, str):
            return self._name(node, space)
        inner = inner_key(node)
        return {**node, inner: self.node(node[inner], space)} if inner else dict(node)

    def _name(self, name: str, space: str) -> Any:
        definition = self._tree.types.get(name)
        own, _, simple = name.rpartition(".")
        if definition is None or name in self._written:
            return simple if definition and own == space else name
        self._written.add(name)
        out: dict[str, Any] = {"type": definition["type"], "name": simple}
        if own != space:
            out["namespace"] = own
        out.update((key, value) for key, value in definition.items() if key not in {"type", "name", "fields"})
        if "fields" in definition:
            out["fields"] = [{**field, "type": self.node(field["type"], own)} for field in definition["fields"]]
        return out
