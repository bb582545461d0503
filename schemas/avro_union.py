"""How a union's value says which branch it is of.

A value stands bare when its Python type tells the branch. Where several branches have the same Python type (two
records, string and enum, int and long) it is a pair: (the branch's full name or type, value). So nothing is guessed
on the way back, and decoding then encoding gives the same bytes.
"""

from typing import Any

from .avro_tree import Tree

PYTHON_TYPES: dict[str, type] = {
    "null": type(None),
    "boolean": bool,
    "int": int,
    "long": int,
    "float": float,
    "double": float,
    "bytes": bytes,
    "fixed": bytes,
    "string": str,
    "enum": str,
    "array": list,
    "map": dict,
    "record": dict,
}


def ambiguous(resolved: Tree, branches: list[Any]) -> frozenset[int]:
    """Return the indexes of the branches whose values come as pairs."""
    kinds = [PYTHON_TYPES[resolved.kind(branch)] for branch in branches]
    return frozenset(index for index, kind in enumerate(kinds) if kinds.count(kind) > 1)


def bare(value: Any) -> Any:
    """Return `value` without the branch that it may name. What is inside of it is left alone."""
    return value[1] if type(value) is tuple else value
