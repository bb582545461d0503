"""Plain JSON (or a CSV row) as a physical Avro event: what a provider's system writes, read as its contract says."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from .avro_defaults import default_value
from .avro_encode import Unfit
from .avro_tree import Tree, branch_label, tree
from .avro_union import PYTHON_TYPES, ambiguous
from .json_refusal import Columns, refusing
from .plain_scalars import Convert, scalar

_NOTHING = object()


class Dropped:
    """Counts the fields that no contract knows and that are left out: how many, never which."""

    def __init__(self) -> None:
        self.count = 0


def to_avro(
    schema: Any, *, text: bool = False, dropped: Dropped | None = None
) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """Return the function that makes the physical event of a mapping.

    Dates and times are ISO 8601, decimals numbers or text, bytes base64 (fixed: or hex), null is null. A field with a
    default, or one that may be null, may be missing. Values in their physical form already stay as they are; of a
    union of several branches the first is taken whose Python type is the value's, else the first that fits.

    With `text` every value is text: an empty one is null where null is allowed, and an array, map or record in one
    cell is JSON. The function raises RecordError: `columns` for unknown or missing fields, `type` for a value that
    does not fit, naming the field and never the value. Ranges of int, long and float are the codec's to check.

    With `dropped` unknown fields are no refusal: they are left out wherever a record stands, and counted there.
    """
    resolved = tree(schema)
    return refusing(_Compiler(resolved, text=text, dropped=dropped).node(resolved.root))


class _Compiler:
    def __init__(self, resolved: Tree, *, text: bool, dropped: Dropped | None) -> None:
        self._tree = resolved
        self._text = text
        self._dropped = dropped
        self._made: dict[str, Convert] = {}

    def node(self, node: Any) -> Convert:
        kind = self._tree.kind(node)
        if kind == "union":
            return self._union(node)
        if kind == "record":
            return self._record(node)
        if kind in {"array", "map"}:
            # Inside a cell of JSON nothing is text any more.
            inner = _Compiler(self._tree, text=False, dropped=self._dropped) if self._text else self
            make = _array(inner.node(node["items"])) if kind == "array" else _map(inner.node(node["values"]))
            return _from_cell(make) if self._text else make
        return scalar(kind, self._tree.resolve(node), text=self._text)

    def _record(self, name: str) -> Convert:
        if name not in self._made:
            # A type that contains itself finds this while it is being made.
            self._made[name] = lambda value: self._made[name](value)  # noqa: PLW0108 - looked up when it runs
            made = self._fields(self._tree.types[name]["fields"])
            self._made[name] = self._record_cell(name, made) if self._text else made
        return self._made[name]

    def _record_cell(self, name: str, from_columns: Convert) -> Convert:
        """Take a record out of columns of its own, or out of one cell of JSON."""
        from_json = _from_cell(_Compiler(self._tree, text=False, dropped=self._dropped).node(name))
        return lambda value: (from_json if isinstance(value, str) else from_columns)(value)

    def _fields(self, fields: list[dict[str, Any]]) -> Convert:
        plan = tuple((field["name"], self.node(field["type"]), self._absent(field)) for field in fields)
        names = frozenset(name for name, _, _ in plan)
        dropped = self._dropped

        def convert(value: Any) -> dict[str, Any]:
            if not isinstance(value, Mapping):
                raise Unfit("a record")
            if not value.keys() <= names:
                others = len(value.keys() - names)
                if dropped is None:
                    raise Columns(f"only fields that the contract knows, and {others} are others")
                dropped.count += others
            event = {}
            for name, make, absent in plan:
                found = value.get(name, _NOTHING)
                try:
                    event[name] = make(found) if found is not _NOTHING else absent()
                except Unfit as unfit:
                    unfit.path.append(name)
                    raise
            return event

        return convert

    def _absent(self, field: dict[str, Any]) -> Callable[[], Any]:
        """Return what gives the value of a missing field, a new one each time."""
        if "default" in field:
            default_value(self._tree, field["type"], field["default"])
            return lambda: default_value(self._tree, field["type"], field["default"])
        if self._tree.without_null(field["type"])[1]:
            return lambda: None
        return _missing

    def _union(self, branches: list[Any]) -> Convert:
        bare, nullable = self._tree.without_null(branches)
        several = self._several(bare, branches) if isinstance(bare, list) else self.node(bare)
        if not nullable:
            return several
        empty = _is_empty if self._text else _is_none
        return lambda value: None if empty(value) else several(value)

    def _plans(self, branches: list[Any]) -> list[tuple[str, type, Convert]]:
        return [(branch_label(branch), PYTHON_TYPES[self._tree.kind(branch)], self.node(branch)) for branch in branches]

    def _several(self, bare: list[Any], branches: list[Any]) -> Convert:
        unsure = {branch_label(branches[index]) for index in ambiguous(self._tree, branches)}
        plans = self._plans(bare)
        named = {label: make for label, _, make in plans if label in unsure}
        tally = self._dropped or Dropped()
        if self._dropped:
            # A branch that knows every field goes before one that fits by leaving some out.
            plans = _Compiler(self._tree, text=self._text, dropped=None)._plans(bare) + plans  # noqa: SLF001 - its own kind
        if self._text:
            plans.sort(key=lambda plan: plan[1] is str)

        def convert(value: Any) -> Any:
            if type(value) is tuple and len(value) == 2 and value[0] in named:
                return value[0], named[value[0]](value[1])
            before = tally.count
            for label, _, make in sorted(plans, key=lambda plan: not self._text and plan[1] is not type(value)):
                try:
                    made = make(value)
                except Unfit:
                    tally.count = before
                    continue
                return (label, made) if label in unsure else made
            raise Unfit("a value of one of the union's branches")

        return convert


def _is_none(value: Any) -> bool:
    return value is None


def _is_empty(value: Any) -> bool:
    """Say whether a cell is empty, or every cell of a record is."""
    if isinstance(value, Mapping):
        return all(_is_empty(inner) for inner in value.values())
    return value is None or value == ""


def _missing() -> Any:
    raise Columns("a value, and there is none")


def _array(make: Convert) -> Convert:
    def convert(value: Any) -> list[Any]:
        if not isinstance(value, list | tuple):
            raise Unfit("a list")
        try:
            return [make(item) for item in value]
        except Unfit as unfit:
            unfit.path.append("[]")
            raise

    return convert


def _map(make: Convert) -> Convert:
    def convert(value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
            raise Unfit("a map")
        try:
            return {key: make(item) for key, item in value.items()}
        except Unfit as unfit:
            unfit.path.append("{}")
            raise

    return convert


def _from_cell(make: Convert) -> Convert:
    def convert(value: Any) -> Any:
        try:
            parsed = json.loads(value)
        except (ValueError, TypeError):
            raise Unfit("JSON in the cell") from None
        return make(parsed)

    return convert
