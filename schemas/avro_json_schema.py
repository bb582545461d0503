"""An Avro schema as JSON Schema (2020-12): what `plain_json` takes for it, so that others can check before they send.

What it describes fits the contract's types, but for decimals written as numbers and instants at the calendar's edge;
lengths are the intake's to judge.
"""

import re
from typing import Any

from .avro_json_scalars import scalar_schema
from .avro_tree import Tree, tree


def json_schema(schema: Any, required_text: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Return the JSON Schema. `required_text`: fields at the top that may be neither missing nor empty."""
    resolved = tree(schema)
    maker = _Maker(resolved)
    found = maker.record(resolved.root)
    for name in required_text & found["properties"].keys():
        found["properties"][name] = {"allOf": [found["properties"][name], {"not": {"enum": [None, ""]}}]}
    found["required"] = sorted({*found.get("required", ()), *required_text})
    return {**found, "$defs": maker.made} if maker.made else found


class _Maker:
    def __init__(self, resolved: Tree) -> None:
        self._tree = resolved
        self.made: dict[str, Any] = {}

    def node(self, node: Any) -> Any:
        kind = self._tree.kind(node)
        match kind:
            case "union":
                return {"anyOf": [self.node(branch) for branch in node]}
            case "record":
                return self._reference(node)
            case "array":
                return {"type": "array", "items": self.node(node["items"])}
            case "map":
                return {"type": "object", "additionalProperties": self.node(node["values"])}
            case "enum":
                return {"enum": list(self._tree.types[node]["symbols"])}
        return scalar_schema(kind, self._tree.resolve(node))

    def _reference(self, name: str) -> Any:
        key = re.sub(r"\W", "_", name)
        if key not in self.made:
            self.made[key] = {}  # a type that contains itself finds this
            self.made[key] = self.record(name)
        return {"$ref": f"#/components/schemas/Event/$defs/{key}"}

    def record(self, name: str) -> dict[str, Any]:
        fields = self._tree.types[name]["fields"]
        needed = [one["name"] for one in fields if "default" not in one and not self._tree.without_null(one["type"])[1]]
        found: dict[str, Any] = {
            "type": "object",
            "properties": {one["name"]: self.node(one["type"]) for one in fields},
            "additionalProperties": False,
        }
        return {**found, "required": needed} if needed else found
