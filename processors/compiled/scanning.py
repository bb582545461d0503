"""The scan: Python that finds where the parts of an event lie, and takes nothing that the codec would not give back.

It accepts the bytes that usual writers make (shortest integers, collections in one block without a size). Anything
else, and anything that is no value of the type, raises: IndexError, UnicodeDecodeError or Unusual. Then the slow path
says what it is. So what is copied from an accepted event is what decoding and encoding would have made of it.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from ...schemas.avro_decode import least_size
from ...schemas.avro_tree import Tree
from ...schemas.confluent_wire import HEAD_BYTES
from .source import SourceText
from .spans import Span

_SMALL_CHOICES = 64
"""So many numbers fit one byte as a zig-zag integer."""


class Unusual(ValueError):  # noqa: N818 - an instruction to the lane: the slow path has the word
    """The bytes are in a form that the scan does not take."""


class NotCompiled(ValueError):  # noqa: N818 - an instruction to the lane: the slow path has the word
    """A schema is beyond what is compiled."""


def skip_long(data: bytes, at: int) -> int:
    """Return where an integer of several bytes ends; `at` is behind its first byte. Raises Unusual (see above)."""
    start = at - 1
    while data[at] > 0x7F:
        at += 1
    # More than 64 bits, or a last byte that adds nothing.
    if at - start > 9 or not data[at] or (at - start == 9 and data[at] > 1):
        raise Unusual
    return at + 1


def skip_int(data: bytes, at: int) -> int:
    """As `skip_long`, for 32 bits."""
    end = skip_long(data, at)
    if end - at > 4 or (end - at == 4 and data[end - 1] > 0x0F):
        raise Unusual
    return end


def number_at(data: bytes, at: int) -> tuple[int, int]:
    """Return an integer in its shortest form, and where it ends."""
    byte = data[at]
    if byte < 0x80:
        return (byte >> 1) ^ -(byte & 1), at + 1
    end = skip_long(data, at + 1)
    number = shift = 0
    for one in data[at:end]:
        number |= (one & 0x7F) << shift
        shift += 7
    return (number >> 1) ^ -(number & 1), end


def size_at(data: bytes, at: int) -> tuple[int, int]:
    """Return a length or count, and where it ends. Raises Unusual for one below 0."""
    size, after = data[at], at + 1
    if size > 0x7F:
        byte = data[after]
        if not 0 < byte < 0x80:
            return _long_size_at(data, at)
        size, after = size - 0x80 | byte << 7, after + 1
    if size & 1:
        raise Unusual
    return size >> 1, after


def _long_size_at(data: bytes, at: int) -> tuple[int, int]:
    """As `size_at`, for three bytes and more."""
    size, at = number_at(data, at)
    if size < 0:
        raise Unusual
    return size, at


def whole_at(data: bytes, at: int) -> int:
    """Return the integer that begins at `at`, where the scan found one."""
    byte = data[at]
    number, shift = byte & 0x7F, 7
    while byte > 0x7F:
        at += 1
        byte = data[at]
        number |= (byte & 0x7F) << shift
        shift += 7
    return (number >> 1) ^ -(number & 1)


SHARED = {"skip_long": skip_long, "skip_int": skip_int, "size_at": size_at, "Unusual": Unusual}


def scan_source(resolved: Tree, parts: Sequence[Span], wanted: Collection[int]) -> SourceText:
    """Return the source of `scan(d)`, which gives the positions `wanted`, in order.

    Position n is where part n begins, the one after the last part the end. `d` is a whole record, head included.
    Raises NotCompiled for a type that contains itself.
    """
    source = SourceText("def scan(d):")
    source.add(f"at = {HEAD_BYTES}")
    writer = _Writer(resolved, source)
    for part in parts:
        if part.number in wanted:
            source.add(f"p{part.number} = at")
        source.add(f"# {'.'.join(part.path)}")
        writer.node(part.node)
    with source.block("if at != len(d):"):
        source.add("raise Unusual")
    if len(parts) in wanted:
        source.add(f"p{len(parts)} = at")
    source.add(f"return ({''.join(f'p{number}, ' for number in sorted(wanted))})")
    return source


class _Writer:
    def __init__(self, resolved: Tree, source: SourceText) -> None:
        self._tree = resolved
        self._source = source
        self._names: Iterator[int] = iter(range(1_000_000))
        self._inside: list[str] = []

    def node(self, node: Any) -> None:
        if isinstance(node, list):
            self._union(node)
            return
        kind = self._tree.kind(node)
        getattr(self, f"_{kind}")(node)

    def _null(self, _node: Any) -> None:
        self._source.add("pass")

    def _boolean(self, _node: Any) -> None:
        self._one_of("d[at] > 1")

    def _long(self, _node: Any) -> None:
        self._number("skip_long")

    def _int(self, _node: Any) -> None:
        self._number("skip_int")

    def _number(self, skip: str) -> None:
        self._source.add("at += 1")
        with self._source.block("if d[at - 1] > 127:"):
            self._source.add(f"at = {skip}(d, at)")

    def _float(self, _node: Any) -> None:
        # Reading and writing a float that is a signalling NaN may change its bits.
        signalling = "d[at + 3] & 127 == 127 and d[at + 2] & 192 == 128 and (d[at + 2] & 63 or d[at + 1] or d[at])"
        with self._source.block(f"if {signalling}:"):
            self._source.add("raise Unusual")
        self._source.add("at += 4")

    def _double(self, _node: Any) -> None:
        self._source.add("at += 8")

    def _bytes(self, _node: Any) -> None:
        self._length()
        self._source.add("at += n")

    def _string(self, _node: Any) -> None:
        self._length()
        self._source.add("s = d[at : at + n]", "at += n")
        with self._source.block("if not s.isascii():"):
            self._source.add("s.decode()")

    def _length(self) -> None:
        self._source.add("n = d[at]")
        with self._source.block("if n & 129:"):  # several bytes, or below 0
            self._source.add("n, at = size_at(d, at)")
        with self._source.block("else:"):
            self._source.add("n >>= 1", "at += 1")

    def _fixed(self, node: Any) -> None:
        self._source.add(f"at += {self._tree.types[node]['size']}")

    def _enum(self, node: Any) -> None:
        count = len(self._tree.types[node]["symbols"])
        if count <= _SMALL_CHOICES:
            self._one_of(f"d[at] > {2 * count - 2} or d[at] & 1")
            return
        self._source.add("n, at = size_at(d, at)")
        with self._source.block(f"if n >= {count}:"):
            self._source.add("raise Unusual")

    def _one_of(self, beyond: str) -> None:
        with self._source.block(f"if {beyond}:"):
            self._source.add("raise Unusual")
        self._source.add("at += 1")

    def _union(self, branches: list[Any]) -> None:
        if len(branches) > _SMALL_CHOICES:
            raise NotCompiled
        name = f"b{next(self._names)}"
        self._source.add(f"{name} = d[at]", "at += 1")
        for index, branch in enumerate(branches):
            with self._source.block(f"{'elif' if index else 'if'} {name} == {2 * index}:"):
                self.node(branch)
        with self._source.block("else:"):
            self._source.add("raise Unusual")

    def _array(self, node: Any) -> None:
        least = least_size(self._tree, node["items"])
        with self._items(least):
            self.node(node["items"])

    def _map(self, node: Any) -> None:
        keys = f"k{next(self._names)}"
        self._source.add(f"{keys} = set()")
        with self._items(1):
            self._string("string")
            with self._source.block(f"if s in {keys}:"):
                self._source.add("raise Unusual")
            self._source.add(f"{keys}.add(s)")
            self.node(node["values"])

    def _items(self, least: int) -> "_Loop":
        return _Loop(self._source, f"c{next(self._names)}", least)

    def _record(self, name: str) -> None:
        if name in self._inside:
            raise NotCompiled
        self._inside.append(name)
        fields = self._tree.types[name]["fields"]
        if not fields:
            self._source.add("pass")
        for field in fields:
            self.node(field["type"])
        self._inside.pop()


class _Loop:
    """One block of items, then its end: what is written meanwhile stands for each item."""

    def __init__(self, source: SourceText, count: str, least: int) -> None:
        self._source = source
        self._count = count
        self._least = least

    def __enter__(self) -> None:
        self._source.add(f"{self._count}, at = size_at(d, at)")
        self._source.add(f"if {self._count} * {self._least} > len(d) - at: raise Unusual")
        self._outer = self._source.block(f"for _ in range({self._count}):")
        self._outer.__enter__()

    def __exit__(self, *_: object) -> None:
        self._outer.__exit__(None, None, None)
        with self._source.block(f"if {self._count}:"):
            # Another block, or a size: the slow path takes them.
            with self._source.block("if d[at]:"):
                self._source.add("raise Unusual")
            self._source.add("at += 1")
