"""Where a predicate meets the Avro schema: what shape a selected field has, and which path it reads."""

from collections.abc import Iterator, Mapping
from typing import Any

from ...schemas.avro_tree import Tree, tree
from ...schemas.problem import did_you_mean
from .shapes import KINDS, UNIT_NS, Shape, refuse


class Fields:
    """The fields of one data contract's schema."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._tree: Tree = tree(schema)
        self.root = self._shape([self._tree.root], "the event", "")

    def select(self, parent: Shape, name: str) -> Shape:
        """Return the shape of `parent.name`: a field of a record or a value of a map. Refuses what no branch has."""
        path = f"{parent.path}.{name}" if parent.path else name
        of_map = [each["values"] for each in parent.types if each["type"] == "map"]
        fields = {each["name"]: each["type"] for held in parent.types for each in held.get("fields", ())}
        if name in fields:
            return self._shape([fields[name]], f"field {path}", path)
        if of_map:
            return self._shape(of_map, f"field {path}", f"{parent.path}{{}}")
        return refuse(
            f"names the field '{path}', which the data contract does not have",
            did_you_mean(name, fields) or "select from a record or a map",
        )

    def members(self, holder: Shape) -> Iterator[Shape]:
        """Yield the shapes of the items of an array."""
        for each in holder.types:
            if each["type"] == "array":
                yield self._shape([each["items"]], f"an item of {holder.called}", f"{holder.path}[]")

    def _shape(self, nodes: list[Any], called: str, path: str) -> Shape:
        types = tuple(found for node in nodes for found in self._branches(node))
        valued = [each for each in types if each["type"] != "null"]
        units = {UNIT_NS.get(each.get("logicalType", ""), 0) for each in valued}
        enums = [frozenset(each["symbols"]) for each in valued if each["type"] == "enum"]
        return Shape(
            frozenset(KINDS[each["type"]] for each in types),
            called,
            path,
            types,
            unit_ns=units.pop() if len(units) == 1 else 0,
            symbols=frozenset().union(*enums) if len(enums) == len(valued) else frozenset(),
        )

    def _branches(self, node: Any) -> Iterator[Mapping[str, Any]]:
        """Yield the types that a value can have, unions taken apart, each as a dict with its `type`."""
        found = self._tree.resolve(node)
        if isinstance(found, list):
            for branch in found:
                yield from self._branches(branch)
        else:
            yield found if isinstance(found, dict) else {"type": found}
