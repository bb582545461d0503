"""Defaults of Avro fields: from the JSON of the schema to physical values."""

from typing import Any

from .avro_tree import Tree, branch_label
from .avro_union import PYTHON_TYPES, ambiguous
from .errors import DocumentError


def default_value(resolved: Tree, node: Any, default: Any) -> Any:
    """Return the physical value of a default, a new one each time. Raises DocumentError when it fits no branch."""
    kind = resolved.kind(node)
    match kind:
        case "union":
            value = _of_union(resolved, node, default)
        case "bytes" | "fixed":
            # The specification's way of writing bytes in JSON: code points 0 to 255.
            value = default.encode("latin-1")
        case "float" | "double":
            value = float(default)
        case "array":
            value = [default_value(resolved, node["items"], item) for item in default]
        case "map":
            value = {key: default_value(resolved, node["values"], item) for key, item in default.items()}
        case "record":
            value = _of_record(resolved, resolved.types[node]["fields"], default)
        case _:
            value = default
    return value


def _of_record(resolved: Tree, fields: list[dict[str, Any]], default: dict[str, Any]) -> dict[str, Any]:
    return {
        field["name"]: default_value(resolved, field["type"], default.get(field["name"], field.get("default")))
        for field in fields
    }


def _of_union(resolved: Tree, branches: list[Any], default: Any) -> Any:
    unsure = ambiguous(resolved, branches)
    for index, branch in enumerate(branches):
        kind = resolved.kind(branch)
        taken = PYTHON_TYPES["string" if kind in {"bytes", "fixed"} else kind]
        if type(default) is taken or (taken is float and type(default) is int):
            value = default_value(resolved, branch, default)
            return (branch_label(branch), value) if index in unsure else value
    raise DocumentError("a default fits no branch of its union", remedy="use a default of the first branch")
