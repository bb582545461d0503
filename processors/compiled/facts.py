"""What deciding needs of an event, read from its bytes: id, day, data subjects, what predicates read."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from ...schemas.avro_decode import decoder
from ...schemas.avro_paths import getter, leaves
from ...schemas.avro_physical import parsing_canonical
from ...schemas.avro_tree import Tree, emit, tree
from ...schemas.avro_union import bare
from ...schemas.contract import DataContract
from ...schemas.encrypted import framed_one
from ..instants import DAY_MS, instant_ms, month_of
from .making import text_of
from .scanning import NotCompiled, Unusual, size_at, whole_at
from .source import SourceText
from .spans import Span, covering

MOST_MONTHS = 10_000
_WHOLE = {"int", "long"}


class Months(dict[int, str]):
    """The month of a day, by its number since 1970; made once for each day that is met."""

    def __missing__(self, day: int) -> str:
        if len(self) >= MOST_MONTHS:
            self.clear()
        self[day] = found = month_of(day * DAY_MS)
        return found


def framed_text(data: bytes, at: int) -> bytes:
    """Return the text that begins at `at`, framed. Raises Unusual for an empty one."""
    size, at = size_at(data, at)
    if not size:
        raise Unusual
    return size.to_bytes(4, "big") + data[at : at + size]


class FactWriter:
    """Writes `facts(d, p)` and `value(d, p)`.

    `facts` gives the event's own id, framed, the number of its day since 1970, and a reference for each of the
    contract's `subject_paths`, None where it names nobody.

    Both raise whatever stands in the way; the slow path then finds out what that is.
    """

    def __init__(
        self, contract: DataContract, writer: Tree, parts: tuple[Span, ...], reference: Callable[[bytes], bytes]
    ) -> None:
        self._contract = contract
        self._mine = tree(contract.schema)
        self._writer = writer
        self._parts = {one.path: one for one in parts}
        self._reference = reference
        self.positions: set[int] = set()

    def needs(self, predicates: Collection[str]) -> bool:
        """Note which positions are taken; False where a predicate reads what only a decoded event has."""
        for path in (self._contract.event_id, self._contract.event_time, *self._contract.subject_paths):
            self.positions.add(self.part(path).number)
        found = [self.predicated(path) for path in predicates]
        if None in found:
            return False
        self.positions |= {end for one in found if one is not None for end in (one.number, one.number + 1)}
        return True

    def facts(self, places: Mapping[int, int]) -> SourceText:
        self._places = places
        source = SourceText("def facts(d, p):")
        source.constant("Unusual", Unusual)
        source.add(f"own = {self._own(source)}")
        at = self._read(source, self._contract.event_time)
        source.add(f"day = {self._day(source, at)}")
        source.constant("reference", self._reference)
        subjects = [self._subject(source, path, n) for n, path in enumerate(self._contract.subject_paths)]
        source.add(f"return {', '.join(('own', 'day', *subjects))}")
        return source

    def _own(self, source: SourceText) -> str:
        """Return the expression of the event's id, framed."""
        part = self.part(self._contract.event_id)
        if self._is_text(part):
            return f"{source.constant('framed_text', framed_text)}(d, {self._at(part)})"
        source.add(f"event_id = {self._read(source, self._contract.event_id)}")
        with source.block("if event_id is None or event_id == '':"):
            source.add("raise Unusual")
        return f"{source.constant('framed_one', framed_one)}(str(event_id).encode())"

    def _day(self, source: SourceText, at: str) -> str:
        leaf = leaves(self._contract.schema)[self._contract.event_time]
        instant = instant_ms(leaf)  # raises where the field tells none
        if leaf.logical == "timestamp-millis":
            return f"{at} // {DAY_MS}"
        return f"{source.constant('instant', instant)}({at}) // {DAY_MS}"

    def value(self, places: Mapping[int, int], predicates: Collection[str]) -> SourceText:
        """Return the source of `value(d, p)`: of the contract's event as much as the predicates read."""
        self._places = places
        source = SourceText("def value(d, p):")
        nested: dict[str, Any] = {}
        read = {part.number: part for path in predicates if (part := self.predicated(path))}
        for _, part in sorted(read.items()):
            inner = nested
            for name in part.path[:-1]:
                inner = inner.setdefault(name, {})
            inner[part.path[-1]] = self._value_of(source, part)
        source.add(f"return {_shown(nested)}")
        return source

    def _subject(self, source: SourceText, path: str, number: int) -> str:
        """Write how a data subject is found; return its name."""
        name, part = f"subject{number}", self.part(path)
        source.add(f"# {path}")
        if self._is_text(part):
            source.constant("text_of", text_of)
            source.add(f"text = text_of(d, {self._at(part)})")
            there, raw = "text", "text"
        else:
            source.add(f"text = {self._read(source, path)}")
            there, raw = "text is not None and text != ''", "str(text).encode()"
        with source.block(f"if {there}:"):
            source.add(f"{name} = reference({raw})")
        with source.block("else:"):
            source.add("raise Unusual" if path == self._contract.data_subject else f"{name} = None")
        return name

    def _is_text(self, part: Span) -> bool:
        return not isinstance(part.node, list) and self._writer.kind(part.node) == "string"

    def _at(self, part: Span) -> str:
        return f"p[{self._places[part.number]}]"

    def part(self, path: str) -> Span:
        """Return the part that holds a field. Raises NotCompiled where there is none."""
        found = covering(self._parts, tuple(path.split(".")))
        if found is None:
            raise NotCompiled
        return found

    def predicated(self, path: str) -> Span | None:
        """Return the part that a predicate reads, if the event has it as the contract does."""
        names = tuple(path.replace("[]", "").replace("{}", "").split("."))
        part = covering(self._parts, names)
        if part is None:
            return None
        mine = self._node(part.path)
        theirs = parsing_canonical(emit(self._writer, part.node))
        return part if mine is not None and parsing_canonical(emit(self._mine, mine)) == theirs else None

    def _node(self, path: tuple[str, ...]) -> Any:
        """Return the contract's node at a path of field names; None when it has none there."""
        node = self._mine.root
        for name in path:
            fields = self._mine.types[node]["fields"] if isinstance(node, str) and node in self._mine.types else ()
            node = next((one["type"] for one in fields if one["name"] == name), None)
            if node is None:
                return None
        return node

    def _read(self, source: SourceText, path: str) -> str:
        """Return the expression of a field of the writer's event, as `getter` gives it."""
        part = self.part(path)
        value = self._value_of(source, part)
        rest = path.split(".")[len(part.path) :]
        if not rest:
            if not isinstance(part.node, list):
                return value
            return f"{source.constant('bare', bare)}({value})"
        below = getter(".".join(rest))
        name = source.constant(f"below_{path}", lambda found: None if found is None else below(found))
        return f"{name}({value})"

    def _value_of(self, source: SourceText, part: Span) -> str:
        at = self._at(part)
        if self._is_text(part):
            return f"{source.constant('text_of', text_of)}(d, {at}).decode()"
        if not isinstance(part.node, list) and self._writer.kind(part.node) in _WHOLE:
            return f"{source.constant('whole_at', whole_at)}(d, {at})"
        read = source.constant(f"read_{'_'.join(part.path)}", decoder(self._writer, part.node))
        return f"{read}(d, {at})[0]"


def _shown(nested: Mapping[str, Any]) -> str:
    """Return nested expressions as the expression of a dict."""
    items = (f"{name!r}: {one if isinstance(one, str) else _shown(one)}" for name, one in nested.items())
    return "{" + ", ".join(items) + "}"
