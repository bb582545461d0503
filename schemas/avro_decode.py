"""Strict Avro decoding: closures made once from a type, that read exactly what the type allows.

The closures raise Malformed (or IndexError and struct.error past the end of the data); `codec` turns that into a
RecordError without a value. fastavro is not strict enough at a door that strangers reach: a negative length reads
to the end, a negative enum index counts from the back, and an array of nulls may claim 2^62 items.
"""

import struct
from collections.abc import Callable
from typing import Any

from .avro_tree import Tree, branch_label
from .avro_union import ambiguous
from .errors import DocumentError

Read = Callable[[bytes, int], tuple[Any, int]]

_FLOAT = struct.Struct("<f")
_DOUBLE = struct.Struct("<d")
_INT_MIN, _INT_MAX = -(1 << 31), (1 << 31) - 1
_LONG_BYTES = 10


class Malformed(ValueError):  # noqa: N818 - an instruction to the codec, never seen outside it
    """The bytes are not a value of the type."""


def decoder(resolved: Tree, node: Any) -> Read:
    """Return the function (data, position) -> (value, next position) for `node`."""
    return _Compiler(resolved).read(node)


def read_long(data: bytes, at: int) -> tuple[int, int]:
    """Read a zig-zag variable-length long. Raises Malformed for more than 64 bits, IndexError past the end."""
    byte = data[at]
    if byte < 0x80:
        return (byte >> 1) ^ -(byte & 1), at + 1
    number, shift, start = byte & 0x7F, 7, at
    while True:
        at += 1
        byte = data[at]
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
        if at - start >= _LONG_BYTES - 1:
            raise Malformed
    if number >> 64:
        raise Malformed
    return (number >> 1) ^ -(number & 1), at + 1


def _read_null(_data: bytes, at: int) -> tuple[None, int]:
    return None, at


def _read_boolean(data: bytes, at: int) -> tuple[bool, int]:
    byte = data[at]
    if byte > 1:
        raise Malformed
    return byte == 1, at + 1


def _read_int(data: bytes, at: int) -> tuple[int, int]:
    number, at = read_long(data, at)
    if not _INT_MIN <= number <= _INT_MAX:
        raise Malformed
    return number, at


def _read_float(data: bytes, at: int) -> tuple[float, int]:
    return _FLOAT.unpack_from(data, at)[0], at + 4


def _read_double(data: bytes, at: int) -> tuple[float, int]:
    return _DOUBLE.unpack_from(data, at)[0], at + 8


def _read_bytes(data: bytes, at: int) -> tuple[bytes, int]:
    length, at = read_long(data, at)
    end = at + length
    if length < 0 or end > len(data):
        raise Malformed
    return data[at:end], end


def _read_string(data: bytes, at: int) -> tuple[str, int]:
    raw, at = _read_bytes(data, at)
    return raw.decode(), at


_PRIMITIVES: dict[str, Read] = {
    "null": _read_null,
    "boolean": _read_boolean,
    "int": _read_int,
    "long": read_long,
    "float": _read_float,
    "double": _read_double,
    "bytes": _read_bytes,
    "string": _read_string,
}


class _Compiler:
    def __init__(self, resolved: Tree) -> None:
        self._tree = resolved
        self._made: dict[str, Read] = {}

    def read(self, node: Any) -> Read:
        if isinstance(node, list):
            return self._union(node)
        kind = self._tree.kind(node)
        if kind in _PRIMITIVES:
            return _PRIMITIVES[kind]
        if kind == "array":
            return self._array(node["items"])
        if kind == "map":
            return self._map(node["values"])
        return self._named(node, kind)

    def _named(self, name: str, kind: str) -> Read:
        if name not in self._made:
            # A type that contains itself finds this while it is being made.
            self._made[name] = lambda data, at: self._made[name](data, at)  # noqa: PLW0108 - looked up when it runs
            make = {"record": self._record, "enum": self._enum, "fixed": self._fixed}[kind]
            self._made[name] = make(self._tree.types[name])
        return self._made[name]

    def _record(self, definition: dict[str, Any]) -> Read:
        fields = tuple((field["name"], self.read(field["type"])) for field in definition["fields"])

        def read(data: bytes, at: int) -> tuple[dict[str, Any], int]:
            value = {}
            for name, read_field in fields:
                value[name], at = read_field(data, at)
            return value, at

        return read

    def _enum(self, definition: dict[str, Any]) -> Read:
        symbols = tuple(definition["symbols"])

        def read(data: bytes, at: int) -> tuple[str, int]:
            index, at = read_long(data, at)
            if not 0 <= index < len(symbols):
                raise Malformed
            return symbols[index], at

        return read

    def _fixed(self, definition: dict[str, Any]) -> Read:
        size = definition["size"]

        def read(data: bytes, at: int) -> tuple[bytes, int]:
            end = at + size
            if end > len(data):
                raise Malformed
            return data[at:end], end

        return read

    def _union(self, branches: list[Any]) -> Read:
        reads = tuple(self.read(branch) for branch in branches)
        unsure = ambiguous(self._tree, branches)
        tags = tuple(branch_label(branch) if index in unsure else None for index, branch in enumerate(branches))

        def read(data: bytes, at: int) -> tuple[Any, int]:
            index, at = read_long(data, at)
            if not 0 <= index < len(reads):
                raise Malformed
            value, at = reads[index](data, at)
            return (value if tags[index] is None else (tags[index], value)), at

        return read

    def _array(self, items: Any) -> Read:
        read_item, least = self._item(items)

        def read(data: bytes, at: int) -> tuple[list[Any], int]:
            value: list[Any] = []
            count, end, at = _block(data, at, least)
            while count:
                for _ in range(count):
                    item, at = read_item(data, at)
                    value.append(item)
                if end not in (None, at):
                    raise Malformed
                count, end, at = _block(data, at, least)
            return value, at

        return read

    def _map(self, values: Any) -> Read:
        read_value = self.read(values)

        def read(data: bytes, at: int) -> tuple[dict[str, Any], int]:
            value: dict[str, Any] = {}
            count, end, at = _block(data, at, 1)
            while count:
                for _ in range(count):
                    key, at = _read_string(data, at)
                    if key in value:
                        raise Malformed
                    value[key], at = read_value(data, at)
                if end not in (None, at):
                    raise Malformed
                count, end, at = _block(data, at, 1)
            return value, at

        return read

    def _item(self, items: Any) -> tuple[Read, int]:
        least = least_size(self._tree, items)
        if not least:
            msg = "an array's items take no bytes, so a few bytes could claim any number of them"
            raise DocumentError(msg, remedy="give the items a field that is not null")
        return self.read(items), least


def _block(data: bytes, at: int, least: int) -> tuple[int, int | None, int]:
    """Read a block's head: (items in it, where its bytes end if it says so, next position)."""
    count, at = read_long(data, at)
    end = None
    if count < 0:
        size, at = read_long(data, at)
        count, end = -count, at + size
        if size < 0 or end > len(data):
            raise Malformed
    if count * least > len(data) - at:
        raise Malformed
    return count, end, at


def least_size(resolved: Tree, node: Any, inside: tuple[str, ...] = ()) -> int:
    """Return how many bytes a value of `node` takes at least (a type that contains itself counts as 0 inside)."""
    kind = resolved.kind(node)
    if kind == "record":
        fields = () if node in inside else resolved.types[node]["fields"]
        return sum(least_size(resolved, field["type"], (*inside, node)) for field in fields)
    if kind == "fixed":
        return int(resolved.types[node]["size"])
    return {"null": 0, "float": 4, "double": 8}.get(kind, 1)
