"""Hypothesis strategies: random Avro record schemas and values of them."""

from typing import Any

from hypothesis import strategies as st

from penstock.schemas.avro_tree import Tree, branch_label
from penstock.schemas.avro_union import ambiguous

PRIMITIVES = ("boolean", "int", "long", "float", "double", "bytes", "string")
LOGICAL = (
    {"type": "int", "logicalType": "date"},
    {"type": "int", "logicalType": "time-millis"},
    {"type": "long", "logicalType": "timestamp-millis"},
    {"type": "long", "logicalType": "timestamp-micros"},
    {"type": "string", "logicalType": "uuid"},
    {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2},
)
SPACES = ("", "a", "a.b")
_FIELD_NAMES = ("id", "name", "amount", "kind", "x1", "_y", "z")


class _Drawing:
    """One schema being drawn: what is named so far, and what may be referred to again."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.count = 0
        self.done: list[str] = []

    def name(self, space: str) -> tuple[dict[str, str], str, str]:
        self.count += 1
        simple = f"T{self.count}"
        own = self.draw(st.sampled_from([name for name in SPACES if name or not space]))
        own = own or space
        full = f"{own}.{simple}" if own else simple
        if own == space:
            return {"name": simple}, full, own
        if self.draw(st.booleans()):
            return {"name": full}, full, own
        return {"name": simple, "namespace": own}, full, own

    def reference(self, space: str) -> str | None:
        usable = [full for full in self.done if "." in full or not space]
        return self.draw(st.sampled_from(usable)) if usable else None

    def type(self, depth: int, space: str, *, union: bool = True) -> Any:
        kinds = ["primitive"] * 3 + ["logical", "enum", "fixed", "reference"]
        if depth:
            kinds += ["record", "record", "array", "map"]
        if union:
            kinds += ["nullable", "nullable", "union"]
        return getattr(self, "_" + self.draw(st.sampled_from(kinds)))(depth, space)

    def _primitive(self, _depth: int, _space: str) -> Any:
        return self.draw(st.sampled_from(PRIMITIVES))

    def _logical(self, _depth: int, _space: str) -> Any:
        return dict(self.draw(st.sampled_from(LOGICAL)))

    def _enum(self, _depth: int, space: str) -> Any:
        head, full, _ = self.name(space)
        self.done.append(full)
        return {"type": "enum", **head, "symbols": ["A", "B", "C"][: self.draw(st.integers(1, 3))]}

    def _fixed(self, _depth: int, space: str) -> Any:
        head, full, _ = self.name(space)
        self.done.append(full)
        return {"type": "fixed", **head, "size": self.draw(st.integers(1, 20))}

    def _reference(self, depth: int, space: str) -> Any:
        return self.reference(space) or self._primitive(depth, space)

    def _array(self, depth: int, space: str) -> Any:
        return {"type": "array", "items": self.type(depth - 1, space)}

    def _map(self, depth: int, space: str) -> Any:
        return {"type": "map", "values": self.type(depth - 1, space)}

    def _nullable(self, depth: int, space: str) -> Any:
        branches = ["null", self.type(depth, space, union=False)]
        return branches if self.draw(st.booleans()) else branches[::-1]

    def _union(self, depth: int, space: str) -> Any:
        branches: dict[str, Any] = {"null": "null"} if self.draw(st.booleans()) else {}
        for _ in range(self.draw(st.integers(1, 4))):
            before = list(self.done)
            branch = self.type(depth, space, union=False)
            label = branch if isinstance(branch, str) else branch["type"]
            if label in {"record", "enum", "fixed"}:
                label = self.done[-1]
            if label in branches:
                self.done = before  # what this branch defined goes with it
            else:
                branches[label] = branch
        return list(branches.values())

    def _record(self, depth: int, space: str) -> Any:
        head, full, own = self.name(space)
        names = self.draw(st.lists(st.sampled_from(_FIELD_NAMES), min_size=1, max_size=4, unique=True))
        fields = [{"name": name, "type": self.type(depth - 1, own)} for name in names]
        # So that no array's items take no bytes.
        fields.append({"name": "last", "type": "int"})
        self.done.append(full)
        return {"type": "record", **head, "fields": fields}


@st.composite
def record_schemas(draw: st.DrawFn, depth: int = 3) -> dict[str, Any]:
    """Record schemas with nested records, arrays, maps, enums, fixed, unions, logical types and references."""
    return _Drawing(draw)._record(depth, "")


def longs(bits: int) -> st.SearchStrategy[int]:
    top = (1 << bits) - 1
    return st.integers(-top - 1, top) | st.sampled_from([-top - 1, top, 0, -1])


_TEXT = st.text(max_size=20) | st.text(min_size=60, max_size=300)
_VALUES = {
    "null": st.none(),
    "boolean": st.booleans(),
    "int": longs(31),
    "long": longs(63),
    "float": st.floats(width=32, allow_nan=False),
    "double": st.floats(allow_nan=False),
    "bytes": st.binary(max_size=200),
    "string": _TEXT,
}


def values(resolved: Tree, node: Any) -> st.SearchStrategy[Any]:
    """Values of `node` as `Codec` takes them."""
    if isinstance(node, list):
        return st.one_of([_branch(resolved, node, index) for index in range(len(node))])
    kind = resolved.kind(node)
    if kind in _VALUES:
        return _VALUES[kind]
    if kind == "array":
        return st.lists(values(resolved, node["items"]), max_size=3)
    if kind == "map":
        return st.dictionaries(st.text(max_size=5), values(resolved, node["values"]), max_size=3)
    return _named_values(resolved, kind, resolved.types[node])


def _named_values(resolved: Tree, kind: str, definition: dict[str, Any]) -> st.SearchStrategy[Any]:
    if kind == "enum":
        return st.sampled_from(definition["symbols"])
    if kind == "fixed":
        return st.binary(min_size=definition["size"], max_size=definition["size"])
    return st.fixed_dictionaries({field["name"]: values(resolved, field["type"]) for field in definition["fields"]})


def _branch(resolved: Tree, branches: list[Any], index: int) -> st.SearchStrategy[Any]:
    branch = branches[index]
    plain = values(resolved, branch)
    if index in ambiguous(resolved, branches):
        return plain.map(lambda value: (branch_label(branch), value))
    return plain


def untagged(value: Any) -> Any:
    """Return `value` without the pairs that say a union's branch, as fastavro returns it by default."""
    if isinstance(value, tuple):
        return untagged(value[1])
    if isinstance(value, list):
        return [untagged(item) for item in value]
    if isinstance(value, dict):
        return {key: untagged(item) for key, item in value.items()}
    return value
