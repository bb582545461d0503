"""Avro's own JSON encoding (Avro 1.12 specification, "JSON Encoding") as physical values.

What differs from plain JSON: a union's value that is not null is an object whose one key names its branch, bytes and
fixed are text of the code points 0 to 255, logical types are their underlying types, and no field may be missing.
"""

from collections.abc import Callable, Mapping
from typing import Any

from .avro_encode import Unfit
from .avro_tree import Tree, branch_label, tree
from .avro_union import ambiguous
from .json_refusal import Columns, refusing

Convert = Callable[[Any], Any]


def from_avro_json(schema: Any) -> Callable[[Any], dict[str, Any]]:
    """Return the function that makes the physical value of a record's Avro JSON.

    It raises RecordError: `columns` for unknown or missing fields, `type` for what is not of the type, naming the
    field and never the value. Ranges, enum symbols and sizes are the codec's to check.
    """
    resolved = tree(schema)
    return refusing(_Compiler(resolved).node(resolved.root))


class _Compiler:
    def __init__(self, resolved: Tree) -> None:
        self._tree = resolved
        self._made: dict[str, Convert] = {}

    def node(self, node: Any) -> Convert:
        kind = self._tree.kind(node)
        match kind:
            case "union":
                return self._union(node)
            case "record":
                return self._record(node)
            case "array":
                return _array(self.node(node["items"]))
            case "map":
                return _map(self.node(node["values"]))
            case _:
                return _SCALARS[kind]

    def _record(self, name: str) -> Convert:
        if name not in self._made:
            # A type that contains itself finds this while it is being made.
            self._made[name] = lambda value: self._made[name](value)  # noqa: PLW0108 - looked up when it runs
            fields = self._tree.types[name]["fields"]
            self._made[name] = _fields([(field["name"], self.node(field["type"])) for field in fields])
        return self._made[name]

    def _union(self, branches: list[Any]) -> Convert:
        unsure = ambiguous(self._tree, branches)
        labels = [branch_label(branch) for branch in branches]
        plans = {label: (index in unsure, self.node(branches[index])) for index, label in enumerate(labels)}
        nullable = plans.pop("null", None) is not None

        def convert(value: Any) -> Any:
            if value is None and nullable:
                return None
            label = next(iter(value)) if isinstance(value, Mapping) and len(value) == 1 else None
            if label not in plans:
                raise Unfit("an object whose one key names the union's branch" + (", or null" if nullable else ""))
            pair, make = plans[label]
            made = make(value[label])
            return (label, made) if pair else made

        return convert


def _fields(plan: list[tuple[str, Convert]]) -> Convert:
    names = frozenset(name for name, _ in plan)

    def convert(value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise Unfit("a record")
        if value.keys() != names:
            raise Columns("exactly the fields of its type")
        event = {}
        for name, make in plan:
            try:
                event[name] = make(value[name])
            except Unfit as unfit:
                unfit.path.append(name)
                raise
        return event

    return convert


def _array(make: Convert) -> Convert:
    def convert(value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise Unfit("a list")
        try:
            return [make(item) for item in value]
        except Unfit as unfit:
            unfit.path.append("[]")
            raise

    return convert


def _map(make: Convert) -> Convert:
    def convert(value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise Unfit("a map")
        try:
            return {key: make(item) for key, item in value.items()}
        except Unfit as unfit:
            unfit.path.append("{}")
            raise

    return convert


def _exactly(kind: type, wanted: str) -> Convert:
    def convert(value: Any) -> Any:
        if type(value) is not kind:
            raise Unfit(wanted)
        return value

    return convert


def _real(value: Any) -> float:
    if type(value) not in {int, float}:
        raise Unfit("a number")
    try:
        return float(value)
    except OverflowError:
        raise Unfit("a finite number") from None


def _binary(value: Any) -> bytes:
    try:
        return bytes(value, "latin-1")
    except (TypeError, UnicodeEncodeError):
        raise Unfit("text of the code points 0 to 255") from None


_SCALARS: dict[str, Convert] = {
    "null": _exactly(type(None), "null"),
    "boolean": _exactly(bool, "true or false"),
    "int": _exactly(int, "a whole number"),
    "long": _exactly(int, "a whole number"),
    "float": _real,
    "double": _real,
    "string": _exactly(str, "a string"),
    "enum": _exactly(str, "one of the enum's symbols"),
    "bytes": _binary,
    "fixed": _binary,
}
