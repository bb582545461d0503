"""Walking over Avro values without building them: where a record ends, whatever is in it."""

from collections.abc import Callable
from typing import Any

from ...schemas.avro_decode import Malformed, read_long
from ...schemas.avro_tree import Tree

Skip = Callable[[bytes, int], int]

_WIDTHS = {"null": 0, "boolean": 1, "float": 4, "double": 8}


def skipper(resolved: Tree) -> Skip:
    """Return the function (data, position) -> position after one value of the root type.

    It raises Malformed, IndexError or RecursionError where there is no such value inside the data.
    """
    return _Compiler(resolved).of(resolved.root)


class _Compiler:
    def __init__(self, resolved: Tree) -> None:
        self._resolved = resolved
        self._made: dict[str, Skip] = {}

    def of(self, node: Any) -> Skip:
        if isinstance(node, str) and node in self._resolved.types:
            return self._named(node)
        kind = self._resolved.kind(node)
        if kind == "union":
            return _union([self.of(branch) for branch in node])
        if kind in ("array", "map"):
            return self._collection(node)
        if kind in ("bytes", "string"):
            return _sized
        return _number if kind in ("int", "long") else _fixed(_WIDTHS[kind])

    def _named(self, name: str) -> Skip:
        if name not in self._made:
            # A record may lie inside itself: until it is made, its name leads to what will be there.
            def later(data: bytes, at: int) -> int:
                return self._made[name](data, at)

            self._made[name] = later
            self._made[name] = self._definition(self._resolved.types[name])
        return self._made[name]

    def _definition(self, definition: dict[str, Any]) -> Skip:
        if definition["type"] == "fixed":
            return _fixed(definition["size"])
        if definition["type"] == "enum":
            return _number
        return _record([self.of(field["type"]) for field in definition["fields"]])

    def _collection(self, node: dict[str, Any]) -> Skip:
        if node["type"] == "array":
            return _blocks(self.of(node["items"]))
        value = self.of(node["values"])
        return _blocks(lambda data, at: value(data, _sized(data, at)))


def _within(data: bytes, at: int) -> int:
    if at > len(data):
        raise IndexError
    return at


def _number(data: bytes, at: int) -> int:
    return read_long(data, at)[1]


def _fixed(width: int) -> Skip:
    return lambda data, at: _within(data, at + width)


def _sized(data: bytes, at: int) -> int:
    size, at = read_long(data, at)
    if size < 0:
        raise Malformed
    return _within(data, at + size)


def _record(fields: list[Skip]) -> Skip:
    def skip(data: bytes, at: int) -> int:
        for field in fields:
            at = field(data, at)
        return at

    return skip


def _union(branches: list[Skip]) -> Skip:
    def skip(data: bytes, at: int) -> int:
        index, at = read_long(data, at)
        if index < 0:
            raise Malformed
        return branches[index](data, at)

    return skip


def _blocks(item: Skip) -> Skip:
    def skip(data: bytes, at: int) -> int:
        while True:
            count, at = read_long(data, at)
            if count == 0:
                return at
            if count < 0:  # its size in bytes follows
                at = _sized(data, at)
                continue
            for _ in range(count):
                at = item(data, at)

    return skip
