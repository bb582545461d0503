"""The view program as data: what becomes of each part of an event in one view, in the view's order.

Nothing here runs. `making` writes a plan as Python; whoever writes another back end starts here, too. A plan says the
same as the slow path (`processors.view`): it is made from the same schema, cut and safeguards, and tests compare.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...schemas.avro_encode import encoder
from ...schemas.avro_paths import node_at, type_at
from ...schemas.avro_physical import parsing_canonical, type_digest
from ...schemas.avro_tree import Tree, emit, tree
from ...schemas.contract import DataContract
from ...schemas.encrypted import field_step
from ...schemas.safeguard import Encrypt, Generalise, Mask, Noise, Omit, Pass, Pseudonymise, Safeguard
from ..evolution import Adaptation
from ..view_steps import ABSENT, PASS, Making, Steps
from .scanning import NotCompiled
from .spans import Span, spans

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Copy:
    """Parts `first` to `last` go on as they lie."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Constant:
    """The same bytes in every view: the default of a field that the writer's schema lacks."""

    value: bytes


@dataclass(frozen=True, slots=True)
class Seal:
    """Parts are encrypted as they lie, as one, under the key of whom `subject` names; None: under the bulk key."""

    first: int
    last: int
    path: str
    subject: str | None
    digest: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ShownId:
    """The event id as the view shows it, in place of the event's own."""

    part: int
    path: str


@dataclass(frozen=True, slots=True)
class Pseudonym:
    """The pseudonym of the data subject that a part names, in its place; null stays null."""

    part: int
    path: str


@dataclass(frozen=True, slots=True)
class Noisy:
    """A number with noise, in place of a part; null stays null."""

    part: int
    path: str
    rule: Noise


@dataclass(frozen=True, slots=True)
class Coarse:
    """A masked or generalised value, in place of a part; null stays null."""

    part: int
    path: str
    rule: Mask | Generalise


@dataclass(frozen=True, slots=True)
class Remade:
    """A part that is decoded, made into the view's value as the slow path does it, and encoded."""

    part: int
    path: str
    make: Callable[[Any, Making], Any] = field(repr=False)
    write: Callable[[bytearray, Any], None] = field(repr=False)


Op = Copy | Constant | Seal | ShownId | Pseudonym | Noisy | Coarse | Remade


@dataclass(frozen=True, slots=True)
class ViewPlan:
    """A view of events of one writer schema. `key`: the part whose value is the record key, and how it is shown."""

    agreement: str
    ops: tuple[Op, ...]
    key: Op | None

    def __str__(self) -> str:
        return "\n".join([f"view of {self.agreement}", *(f"  {one}" for one in self.ops), f"  key: {self.key}"])

    @property
    def seals(self) -> int:
        """How many field values each view encrypts, besides what is remade."""
        return sum(isinstance(one, Seal) for one in self.ops)


def plan_view(
    contract: DataContract, writer: Tree, steps: Steps, view_schema: Mapping[str, Any], agreement: str
) -> ViewPlan:
    """Return the plan. Raises NotCompiled where only the slow path knows how."""
    planner = _Planner(contract, writer, steps, view_schema)
    return ViewPlan(agreement, tuple(_merged(planner.ops())), planner.key())


class _Planner:
    def __init__(self, contract: DataContract, writer: Tree, steps: Steps, view_schema: Mapping[str, Any]) -> None:
        self._contract = contract
        self._mine = tree(contract.schema)
        self._writer = writer
        self._steps = steps
        self._view = tree(view_schema)
        self._adaptation = Adaptation(writer, self._mine)
        self._parts = {one.path: one for one in spans(writer)}
        self._found: dict[str, Op] = {}

    def ops(self) -> list[Op]:
        found: list[Op] = []
        self._node(self._mine.root, (), found)
        return found

    def key(self) -> Op | None:
        """Return the operation that gives the record key, if the view shows one."""
        path = self._contract.record_key
        safeguard = None if path is None else self._steps.cut.get(path)
        if path is None or not isinstance(safeguard, Pass | Pseudonymise):
            return None
        part = self._parts.get(tuple(path.split(".")))
        if part is None:
            raise NotCompiled
        if isinstance(safeguard, Pass):
            return Copy(part.number, part.number)
        return self._of_subject(part, path)

    def _node(self, node: Any, path: Path, found: list[Op]) -> None:
        """Add what becomes of the contract's `node`: records on both sides are gone into, whatever else is a part."""
        text = ".".join(path)
        both_records = path not in self._parts and text not in self._steps.cut
        if both_records and not isinstance(node, list) and self._mine.kind(node) == "record" and self._leads_on(path):
            for one in self._mine.types[node]["fields"]:
                self._field(one, (*path, one["name"]), found)
            return
        part = self._parts.get(path)
        if part is None:
            self._record(node, path, found)
            return
        if text in self._steps.cut:
            self._protected(part, node, text, self._steps.cut[text], found)
            return
        self._other(part, node, text, found)

    def _record(self, node: Any, path: Path, found: list[Op]) -> None:
        """Add a record that is omitted or encrypted whole."""
        text = ".".join(path)
        safeguard = self._steps.cut.get(text)
        within = [one.number for name, one in self._parts.items() if name[: len(path)] == path]
        if isinstance(safeguard, Omit):
            return
        if not isinstance(safeguard, Encrypt) or not within or not self._same(self._theirs(path), node):
            raise NotCompiled
        digest = type_digest(type_at(self._contract.schema, text))
        found.append(Seal(min(within), max(within), text, self._steps.subject_of(text), digest))

    def _theirs(self, path: Path) -> Any:
        """Return the writer's node at a path of field names."""
        node = self._writer.root
        for name in path:
            node = next(one["type"] for one in self._writer.types[node]["fields"] if one["name"] == name)
        return node

    def _field(self, declared: Mapping[str, Any], path: Path, found: list[Op]) -> None:
        if self._leads_on(path) or "default" not in declared:
            self._node(declared["type"], path, found)
            return
        text = ".".join(path)
        step = self._steps.node(declared["type"], text)
        if step is PASS:
            out = bytearray()
            value = self._adaptation.default(declared["type"], declared["default"])()
            encoder(self._view, node_at(self._view, text))(out, value)
            found.append(Constant(bytes(out)))
        elif step is not ABSENT:
            raise NotCompiled

    def _leads_on(self, path: Path) -> bool:
        """Say whether the writer's events have anything at `path`."""
        return any(one[: len(path)] == path for one in self._parts)

    def _protected(self, part: Span, node: Any, path: str, safeguard: Safeguard, found: list[Op]) -> None:
        same = self._same(part.node, node)
        match safeguard:
            case Pass() if same:
                found.append(Copy(part.number, part.number))
            case Encrypt() if same:
                digest = type_digest(type_at(self._contract.schema, path))
                found.append(Seal(part.number, part.number, path, self._steps.subject_of(path), digest))
            case Pseudonymise() if same and not (path == self._contract.event_id and isinstance(part.node, list)):
                found.append(self._of_subject(part, path))
            case Noise() if same:
                found.append(Noisy(part.number, path, safeguard))
            case Mask() | Generalise() if same:
                found.append(Coarse(part.number, path, safeguard))
            case _:
                self._other(part, node, path, found)

    def _of_subject(self, part: Span, path: str) -> ShownId | Pseudonym:
        if path == self._contract.event_id:
            return ShownId(part.number, path)
        return Pseudonym(part.number, path)

    def _other(self, part: Span, node: Any, path: str, found: list[Op]) -> None:
        """Add a part whose safeguards lie inside of it, or that is of another type than the contract's."""
        step = self._steps.node(node, path)
        if step is ABSENT:
            return
        same = self._same(part.node, node)
        if step is PASS and same:
            found.append(Copy(part.number, part.number))
            return
        adapt = None if same else self._adaptation.node(part.node, node, path)
        at = tuple(field_step(name) for name in part.path)

        def make(value: Any, making: Making) -> Any:
            known = value if adapt is None else adapt(value)
            return known if step is PASS else step(known, making, at)

        found.append(Remade(part.number, path, make, encoder(self._view, node_at(self._view, path))))

    def _same(self, theirs: Any, mine: Any) -> bool:
        return parsing_canonical(emit(self._writer, theirs)) == parsing_canonical(emit(self._mine, mine))


def _merged(ops: Sequence[Op]) -> list[Op]:
    """Return the operations with neighbours that are copied made one."""
    found: list[Op] = []
    for one in ops:
        last = found[-1] if found else None
        if isinstance(one, Copy) and isinstance(last, Copy) and last.last + 1 == one.first:
            found[-1] = Copy(last.first, one.last)
        else:
            found.append(one)
    return found
