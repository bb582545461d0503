"""From events of another version of a data contract's schema to events of the contract's own (Avro schema resolution).

A field that only the other version has is left out; one that only the contract has takes its default.
"""

from collections.abc import Callable, Mapping
from typing import Any

from ..schemas.avro_paths import leaves
from ..schemas.avro_physical import parsing_canonical
from ..schemas.avro_tree import Tree, branch_label, emit, tree
from ..schemas.avro_union import ambiguous
from ..schemas.errors import DocumentError

Adapt = Callable[[Any], Any]

_WIDENED: Mapping[tuple[str, str], Adapt] = {
    ("int", "long"): int,
    **{(small, wide): float for small in ("int", "long") for wide in ("float", "double")},
    ("float", "double"): float,
    ("string", "bytes"): str.encode,
    ("bytes", "string"): bytes.decode,
}


def adaptation(writer: Any, contract: Any) -> Adapt | None:
    """Return the function from the writer's events to the contract's; None when they are the same.

    Raises DocumentError, naming the field, where Avro cannot read the one as the other.
    """
    return Adaptation(tree(writer), tree(contract)).root()


def unclassified(writer: Any, contract: Any) -> tuple[str, ...]:
    """Return the paths of the writer's leaves that the contract does not know."""
    known = leaves(contract)
    return tuple(path for path in leaves(writer) if path not in known)


class Adaptation:
    """Compares two schemas, node by node."""

    def __init__(self, writer: Tree, contract: Tree) -> None:
        self._writer = writer
        self._contract = contract

    def root(self) -> Adapt | None:
        return self.node(self._writer.root, self._contract.root, "")

    def node(self, theirs: Any, mine: Any, path: str) -> Adapt | None:
        """Return the function for one node at `path`; see `adaptation`."""
        if parsing_canonical(emit(self._writer, theirs)) == parsing_canonical(emit(self._contract, mine)):
            return None
        if isinstance(theirs, list) or isinstance(mine, list):
            return self._union(theirs, mine, path)
        return self._single(theirs, mine, path)

    def _single(self, theirs: Any, mine: Any, path: str) -> Adapt | None:
        kinds = self._writer.kind(theirs), self._contract.kind(mine)
        if kinds in _WIDENED:
            return _WIDENED[kinds]
        match kinds:
            case ("record", "record"):
                return self._record(theirs, mine, path)
            case ("array", "array"):
                return _each(self.node(theirs["items"], mine["items"], f"{path}[]"))
            case ("map", "map"):
                return _values(self.node(theirs["values"], mine["values"], f"{path}{{}}"))
        if kinds != ("enum", "enum") or not self._has_symbols(theirs, mine):
            raise _unreadable(path)
        return None

    def _union(self, theirs: Any, mine: Any, path: str) -> Adapt | None:
        """Adapt where null came or went nowhere, and where branches were only added."""
        bare, was_nullable = self._writer.without_null(theirs)
        wanted, nullable = self._contract.without_null(mine)
        if was_nullable and not nullable:
            raise _unreadable(path)
        if isinstance(bare, list) or isinstance(wanted, list):
            self._check_branches(bare, wanted, path)
            return None
        inner = None if bare == "null" else self.node(bare, wanted, path)
        return _unless_null(inner) if was_nullable else inner

    def _check_branches(self, theirs: Any, mine: Any, path: str) -> None:
        """Accept unions of several types where each value says its branch as it does in the contract's."""
        from_union, to_union = (node if isinstance(node, list) else [node] for node in (theirs, mine))
        said = {branch_label(to_union[index]) for index in ambiguous(self._contract, to_union)}
        for index, branch in enumerate(from_union):
            label = branch_label(branch)
            twin = next((one for one in to_union if branch_label(one) == label), None)
            in_pairs = index in ambiguous(self._writer, from_union)
            if twin is None or in_pairs != (label in said) or self.node(branch, twin, path) is not None:
                raise _unreadable(path)

    def _record(self, theirs: str, mine: str, path: str) -> Adapt:
        have = {field["name"]: field["type"] for field in self._writer.types[theirs]["fields"]}
        kept: list[tuple[str, Adapt | None]] = []
        added: list[tuple[str, Callable[[], Any]]] = []
        for field in self._contract.types[mine]["fields"]:
            name = field["name"]
            below = f"{path}.{name}" if path else name
            if name in have:
                kept.append((name, self.node(have[name], field["type"], below)))
            elif "default" in field:
                added.append((name, self.default(field["type"], field["default"])))
            else:
                raise _unreadable(below)

        def adapt(value: Mapping[str, Any]) -> dict[str, Any]:
            found = {name: value[name] if inner is None else inner(value[name]) for name, inner in kept}
            found.update((name, make()) for name, make in added)
            return found

        return adapt

    def _has_symbols(self, theirs: str, mine: str) -> bool:
        return set(self._writer.types[theirs]["symbols"]) <= set(self._contract.types[mine]["symbols"])

    def default(self, node: Any, said: Any) -> Callable[[], Any]:
        """Return the function that makes a field's default: each event gets its own lists and dicts."""
        if isinstance(node, list):
            inner = self.default(node[0], said)
            pair = 0 in ambiguous(self._contract, node)
            return (lambda: (branch_label(node[0]), inner())) if pair else inner
        found = self._contract.resolve(node)
        match self._contract.kind(node):
            case "record":
                parts = [
                    (field["name"], self.default(field["type"], said.get(field["name"], field.get("default"))))
                    for field in found["fields"]
                ]
                return lambda: {name: make() for name, make in parts}
            case "array":
                items = [self.default(found["items"], item) for item in said]
                return lambda: [make() for make in items]
            case "map":
                values = {key: self.default(found["values"], item) for key, item in said.items()}
                return lambda: {key: make() for key, make in values.items()}
        plain = _plain_default(self._contract.kind(node), said)
        return lambda: plain


def _plain_default(kind: str, said: Any) -> Any:
    """Return a default of a simple type as a value: in a schema, bytes are text and a double may look like an int."""
    if kind in {"bytes", "fixed"}:
        return said.encode("latin-1")
    return float(said) if kind in {"float", "double"} else said


def _each(inner: Adapt | None) -> Adapt | None:
    return None if inner is None else lambda items: [inner(item) for item in items]


def _values(inner: Adapt | None) -> Adapt | None:
    return None if inner is None else lambda held: {key: inner(value) for key, value in held.items()}


def _unless_null(inner: Adapt | None) -> Adapt | None:
    return None if inner is None else lambda value: None if value is None else inner(value)


def _unreadable(path: str) -> DocumentError:
    return DocumentError(
        f"the writer schema's field `{path}` cannot be read as the data contract's",
        remedy="register only writer schemas that are compatible with the contract, or open a new major version",
    )
