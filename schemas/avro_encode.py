"""Strict Avro encoding: closures made once from a type, that take exactly the Python types `avro_union` lists.

Nothing is converted: True is no int, 1 is no double, a missing or additional key is an error.
"""

import struct
from collections.abc import Callable
from typing import Any

from .avro_tree import Tree, branch_label
from .avro_union import PYTHON_TYPES, ambiguous

Write = Callable[[bytearray, Any], None]

_FLOAT = struct.Struct("<f")
_DOUBLE = struct.Struct("<d")
_BITS = {"int": 31, "long": 63}


class Unfit(ValueError):  # noqa: N818 - an instruction to the codec, never seen outside it
    """A value does not fit its type. `wanted` says what would; `path` grows on the way out, innermost step first."""

    def __init__(self, wanted: str) -> None:
        super().__init__(wanted)
        self.wanted = wanted
        self.path: list[str] = []


def encoder(resolved: Tree, node: Any) -> Write:
    """Return the function (buffer, value) that appends the value's bytes to the buffer."""
    return _Compiler(resolved).write(node)


def write_long(out: bytearray, number: int) -> None:
    """Append a zig-zag variable-length long."""
    number = (number << 1) ^ (number >> 63)
    while number > 0x7F:
        out.append((number & 0x7F) | 0x80)
        number >>= 7
    out.append(number)


def _write_null(_out: bytearray, value: Any) -> None:
    if value is not None:
        raise Unfit("null")


def _write_boolean(out: bytearray, value: Any) -> None:
    if not isinstance(value, bool):
        raise Unfit("a boolean")
    out.append(value)


def _integer(kind: str) -> Write:
    limit = 1 << _BITS[kind]

    def write(out: bytearray, value: Any) -> None:
        if type(value) is not int or not -limit <= value < limit:
            raise Unfit(f"an integer that fits {kind}")
        write_long(out, value)

    return write


def _number(packer: struct.Struct, kind: str) -> Write:
    def write(out: bytearray, value: Any) -> None:
        if not isinstance(value, float):
            raise Unfit(f"a {kind}")
        try:
            out.extend(packer.pack(value))
        except OverflowError:
            raise Unfit(f"a number that fits {kind}") from None

    return write


def _write_bytes(out: bytearray, value: Any) -> None:
    if not isinstance(value, bytes):
        raise Unfit("bytes")
    write_long(out, len(value))
    out.extend(value)


def _write_string(out: bytearray, value: Any) -> None:
    if not isinstance(value, str):
        raise Unfit("a string")
    try:
        raw = value.encode()
    except UnicodeEncodeError:
        raise Unfit("a string of Unicode characters") from None
    write_long(out, len(raw))
    out.extend(raw)


_PRIMITIVES: dict[str, Write] = {
    "null": _write_null,
    "boolean": _write_boolean,
    "int": _integer("int"),
    "long": _integer("long"),
    "float": _number(_FLOAT, "float"),
    "double": _number(_DOUBLE, "double"),
    "bytes": _write_bytes,
    "string": _write_string,
}


class _Compiler:
    def __init__(self, resolved: Tree) -> None:
        self._tree = resolved
        self._made: dict[str, Write] = {}

    def write(self, node: Any) -> Write:
        if isinstance(node, list):
            return self._union(node)
        kind = self._tree.kind(node)
        if kind in _PRIMITIVES:
            return _PRIMITIVES[kind]
        if kind == "array":
            return _array(self.write(node["items"]))
        if kind == "map":
            return _map(self.write(node["values"]))
        return self._named(node, kind)

    def _named(self, name: str, kind: str) -> Write:
        if name not in self._made:
            # A type that contains itself finds this while it is being made.
            self._made[name] = lambda out, value: self._made[name](out, value)  # noqa: PLW0108 - looked up when it runs
            make = {"record": self._record, "enum": _enum, "fixed": _fixed}[kind]
            self._made[name] = make(self._tree.types[name])
        return self._made[name]

    def _record(self, definition: dict[str, Any]) -> Write:
        fields = tuple((field["name"], self.write(field["type"])) for field in definition["fields"])
        names = frozenset(name for name, _ in fields)

        def write(out: bytearray, value: Any) -> None:
            if not isinstance(value, dict):
                raise Unfit("a record")
            if value.keys() != names:
                raise _misfit(value, names)
            for name, write_field in fields:
                try:
                    write_field(out, value[name])
                except Unfit as unfit:
                    unfit.path.append(name)
                    raise

        return write

    def _union(self, branches: list[Any]) -> Write:
        unsure = ambiguous(self._tree, branches)
        bare: dict[type, tuple[int, Write]] = {}
        tagged: dict[str, tuple[int, Write]] = {}
        for index, branch in enumerate(branches):
            write_branch = self.write(branch)
            if index in unsure:
                tagged[branch_label(branch)] = (index, write_branch)
            else:
                bare[PYTHON_TYPES[self._tree.kind(branch)]] = (index, write_branch)

        def write(out: bytearray, value: Any) -> None:
            if type(value) is tuple and len(value) == 2:
                found, value = tagged.get(value[0]), value[1]
            else:
                found = bare.get(type(value))
            if found is None:
                raise Unfit("a value of one of the union's branches")
            write_long(out, found[0])
            found[1](out, value)

        return write


def _misfit(value: dict[Any, Any], names: frozenset[str]) -> Unfit:
    """Say which field is missing; an additional key is not named, since it may hold a value."""
    missing = sorted(names - value.keys())
    unfit = Unfit("a value for this field, and there is none" if missing else "a record without additional fields")
    unfit.path.extend(missing[:1])
    return unfit


def _enum(definition: dict[str, Any]) -> Write:
    indexes = {symbol: index for index, symbol in enumerate(definition["symbols"])}

    def write(out: bytearray, value: Any) -> None:
        if not isinstance(value, str) or value not in indexes:
            raise Unfit(f"a symbol of {definition['name']}")
        write_long(out, indexes[value])

    return write


def _fixed(definition: dict[str, Any]) -> Write:
    size = definition["size"]

    def write(out: bytearray, value: Any) -> None:
        if not isinstance(value, bytes) or len(value) != size:
            raise Unfit(f"{size} bytes")
        out.extend(value)

    return write


def _array(write_item: Write) -> Write:
    def write(out: bytearray, value: Any) -> None:
        if not isinstance(value, list):
            raise Unfit("a list")
        if value:
            write_long(out, len(value))
            try:
                for item in value:
                    write_item(out, item)
            except Unfit as unfit:
                unfit.path.append("[]")
                raise
        out.append(0)

    return write


def _map(write_value: Write) -> Write:
    def write(out: bytearray, value: Any) -> None:
        if not isinstance(value, dict):
            raise Unfit("a map")
        if value:
            write_long(out, len(value))
            try:
                for key, item in value.items():
                    _write_string(out, key)
                    write_value(out, item)
            except Unfit as unfit:
                unfit.path.append("{}")
                raise
        out.append(0)

    return write
