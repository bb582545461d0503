"""The Avro schema of a view, derived from the writer's schema and an agreement's safeguards."""

from collections.abc import Mapping
from typing import Any

from .avro_decode import decoder
from .avro_paths import covers, tree_leaves
from .avro_tree import Tree, emit, inner_key, tree
from .canonical import digest
from .errors import DocumentError
from .safeguard import Encrypt, Mask, Omit, Pass, Pseudonymise, Safeguard
from .safeguard_cut import safeguard_cut

ENCRYPTED = "penstock.encrypted"
"""Property of a `bytes` type: the type that was encrypted, self-contained."""

_DIGITS = 8
_ABSENT = object()
_REPLACED = (Omit, Encrypt, Mask, Pseudonymise)
_MARKS = {"items": "[]", "values": "{}"}


def derive_view(schema: Any, safeguards: Mapping[str, Safeguard], agreement_id: str) -> dict[str, Any]:
    """Return the view's schema.

    Omitted: absent, and with the last field of a record the record, array or map that held it. Encrypted: `bytes` with
    the property `penstock.encrypted`; hides null too. Pseudonym: `string`. Masked: `string` without a logical type.
    Everything else keeps its type, and null stays null. Defaults of protected fields are gone. A record type that is
    protected in several ways becomes several types, `<Name>_<8 hex>`; where nothing protects it, it keeps its name.

    Raises DocumentError (place: the agreement) when schema or safeguards do not allow it; see `safeguard_cut`.
    """
    try:
        return _derive(schema, safeguards)
    except DocumentError as error:
        place = error.place or f"agreement {agreement_id}"
        raise DocumentError(error.message, place=place, remedy=error.remedy) from None


def _derive(schema: Any, safeguards: Mapping[str, Safeguard]) -> dict[str, Any]:
    resolved = tree(schema)
    if _mentions(schema):
        raise DocumentError(f"the schema has the property {ENCRYPTED}, which only views have", remedy="remove it")
    derivation = _Derivation(resolved, safeguard_cut(resolved, safeguards))
    root = derivation.node(resolved.root, "")
    if root is _ABSENT:
        raise DocumentError("every field is omitted, so there is no view", remedy="pass or protect at least one field")
    view = Tree(root, derivation.types)
    decoder(view, root)
    return dict(emit(view, root))


def _mentions(schema: Any) -> bool:
    if isinstance(schema, list):
        return any(_mentions(item) for item in schema)
    return isinstance(schema, dict) and (ENCRYPTED in schema or any(_mentions(item) for item in schema.values()))


class _Derivation:
    """Walks the schema by path, and fills `types` with the view's named types."""

    def __init__(self, resolved: Tree, cut: Mapping[str, Safeguard]) -> None:
        self._tree = resolved
        self._cut = cut
        self._names = self._name_variants()
        self.types: dict[str, dict[str, Any]] = {}

    def node(self, node: Any, path: str) -> Any:
        """Return the view's node for `node` at `path`, or _ABSENT."""
        safeguard = self._cut.get(path)
        if safeguard is not None:
            return self._protected(node, safeguard)
        if isinstance(node, list):
            branches = [branch if branch == "null" else self.node(branch, path) for branch in node]
            return _ABSENT if _ABSENT in branches else branches
        if isinstance(node, str):
            return self._record(node, path)
        inner = inner_key(node) or ""
        below = self.node(node[inner], path + _MARKS[inner])
        return below if below is _ABSENT else {**node, inner: below}

    def _protected(self, node: Any, safeguard: Safeguard) -> Any:
        match safeguard:
            case Omit():
                return _ABSENT
            case Encrypt():
                return {"type": "bytes", ENCRYPTED: emit(self._tree, node)}
            case Mask() | Pseudonymise():
                return _as_string(self._tree, node)
            case _:
                return self._kept(node)

    def _record(self, name: str, path: str) -> Any:
        new = self._names[name, self._digest(path)]
        if new in self.types:
            return new
        fields = [made for field in self._tree.types[name]["fields"] if (made := self._field(field, path))]
        if not fields:
            return _ABSENT
        dropped = {"fields"} if new == name else {"fields", "aliases"}
        kept = {key: value for key, value in self._tree.types[name].items() if key not in dropped}
        self.types[new] = {**kept, "name": new, "fields": fields}
        return new

    def _field(self, field: dict[str, Any], path: str) -> dict[str, Any] | None:
        below = _join(path, field["name"])
        node = self.node(field["type"], below)
        if node is _ABSENT:
            return None
        changed = any(covers(below, one) and not isinstance(by, Pass) for one, by in self._cut.items())
        return {key: value for key, value in field.items() if not (changed and key == "default")} | {"type": node}

    def _kept(self, node: Any) -> Any:
        """Return an unchanged node, its record types by the names they have in the view where nothing protects them."""
        if isinstance(node, list):
            return [self._kept(branch) for branch in node]
        if isinstance(node, dict):
            inner = inner_key(node)
            return {**node, inner: self._kept(node[inner])} if inner else node
        definition = self._tree.types.get(node)
        if definition is None:
            return node
        new = self._names[node, self._passed(node)] if definition["type"] == "record" else node
        if new not in self.types:
            self.types[new] = made = {**definition, "name": new}
            if new != node:
                made.pop("aliases", None)
            if "fields" in definition:
                made["fields"] = [{**field, "type": self._kept(field["type"])} for field in definition["fields"]]
        return new

    def _name_variants(self) -> dict[tuple[str, str], str]:
        """Return the view's name of each record type by the digest of the safeguards inside it.

        What nothing protects keeps its name: the values of a union say their branch by it.
        """
        found: dict[str, dict[str, None]] = {}
        self._collect(self._tree.root, "", found)
        root = self._tree.root
        names = {}
        for name, variants in found.items():
            for variant in variants:
                plain = name == root or len(variants) == 1 or variant == self._passed(name)
                names[name, variant] = name if plain else f"{name}_{variant[:_DIGITS]}"
        if len(found[root]) > 1:
            msg = f"type `{root}` contains itself in a field that passes, with what is protected outside"
            raise DocumentError(msg, remedy="omit or encrypt that field")
        return names

    def _collect(self, node: Any, path: str | None, found: dict[str, dict[str, None]]) -> None:
        """Find the variants of record types below `node`; without a path, below a leaf that is kept as it is."""
        if path is not None and path in self._cut:
            if isinstance(self._cut[path], _REPLACED):
                return
            path = None
        if isinstance(node, list):
            for branch in node:
                self._collect(branch, path, found)
        elif isinstance(node, dict):
            inner = inner_key(node)
            if inner:
                self._collect(node[inner], path and path + _MARKS[inner], found)
        elif self._tree.kind(node) == "record":
            self._collect_record(node, path, found)

    def _collect_record(self, name: str, path: str | None, found: dict[str, dict[str, None]]) -> None:
        variants = found.setdefault(name, {})
        variant = self._passed(name) if path is None else self._digest(path)
        if path is None and variant in variants:
            return
        variants[variant] = None
        for field in self._tree.types[name]["fields"]:
            self._collect(field["type"], None if path is None else _join(path, field["name"]), found)

    def _passed(self, name: str) -> str:
        """Digest the safeguards of a record type all of whose leaves pass."""
        return digest({leaf.path: {"do": "pass"} for leaf in tree_leaves(self._tree, name, "", ())})

    def _digest(self, path: str) -> str:
        """Digest the safeguards inside the record at `path`, by paths that start there. A reason protects nothing."""
        inside = {one: by for one, by in self._cut.items() if not path or (covers(path, one) and one != path)}
        return digest(
            {
                one[len(path) :].lstrip("."): by.model_dump(mode="json", exclude={"reason"}, exclude_none=True)
                for one, by in inside.items()
            }
        )


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _as_string(resolved: Tree, node: Any) -> Any:
    bare, nullable = resolved.without_null(node)
    if not nullable or bare == "null":
        return "string"
    return ["null", "string"] if node[0] == "null" else ["string", "null"]
