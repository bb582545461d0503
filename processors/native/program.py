"""The plans of a writer's views as data for the extension: tuples that begin with a word.

What the extension does not know is left out: a view is None then, and made as without it. `docs/decisions/0013` says
which these are.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ...schemas.avro_paths import leaves, node_at
from ...schemas.avro_tree import Tree, tree
from ...schemas.confluent_wire import frame
from ...schemas.contract import DataContract
from ...schemas.encrypted import field_step, framed
from ...schemas.safeguard import Generalise, Mask, Noise, Pseudonymise, Safeguard
from ..compiled.making import bound_to, field_path
from ..compiled.plan import Coarse, Constant, Copy, Noisy, Op, Pseudonym, Remade, Seal, ShownId
from ..compiled.scanning import NotCompiled
from ..compiled.written import CompiledView, Written
from ..generalise import UNITS_A_DAY
from ..noise import mechanism, place_of
from .inside import Data, Inside, node_data

Place = tuple[int, int | None, str]
"""Where a value lies in the positions, the byte that says null, and how it is read: a word in `_READINGS`."""

_WHOLE = {"int", "long"}
_REAL = {"float", "double"}
_READINGS = {"string": "text", "int": "whole", "long": "whole", "float": "float", "double": "double"}
_PARTS_OF_DAY = {"day": 1, "hour": 24}
_MOST = 2**62
"""Numbers beyond this are for Python."""

_MOST_OF_REAL = 2**53
"""The same for either side of a width or step of floats and doubles, which are divided exactly."""


@dataclass(frozen=True, slots=True)
class Fields:
    """Where the parts of a writer's events lie, as fields that the extension reads."""

    contract: DataContract
    written: Written

    def place(self, position: int) -> int:
        return self.written.places[position]

    def field(self, number: int) -> Place:
        """Return a part. Raises NotCompiled for one that is neither text nor a whole number, or null."""
        found = self.value(number)
        if found[2] not in {"text", "whole"}:
            raise NotCompiled
        return found

    def value(self, number: int) -> Place:
        """As `field`, or a float or double."""
        origin = self.written.origin
        return _reading(origin.tree, origin.parts[number].node, self.place(number))

    def at(self, path: str) -> Place:
        """Return the field at a path, which is a part of its own."""
        part = self.written.facts_at.part(path)
        if ".".join(part.path) != path:
            raise NotCompiled
        return self.field(part.number)


def _reading(resolved: Tree, node: Any, place: int) -> Place:
    inner, nullable = resolved.without_null(node)
    if isinstance(inner, list) or isinstance(node, list) != nullable or resolved.kind(inner) not in _READINGS:
        raise NotCompiled
    null = 2 * [resolved.kind(one) for one in node].index("null") if nullable else None
    return place, null, _READINGS[resolved.kind(inner)]


def writer_data(contract: DataContract, written: Written) -> Data | None:
    """Return what is compiled for a writer's events; None where the extension can take none of it."""
    fields = Fields(contract, written)
    views = [_view(fields, one) for one in written.views]
    if None in written.views or not any(views):
        return None
    try:
        facts = _facts(contract, fields)
    except NotCompiled:
        return None
    parts = [node_data(written.origin.tree, one.node) for one in written.origin.parts]
    return frame(written.schema_id, b""), parts, sorted(written.places), facts, views


def taken(contract: DataContract, written: Written, view: CompiledView) -> bool:
    """Say whether the extension makes a view itself."""
    data = writer_data(contract, written)
    return data is not None and data[-1][written.views.index(view)] is not None


def _facts(contract: DataContract, fields: Fields) -> Data:
    units = UNITS_A_DAY[leaves(contract.schema)[contract.event_time].logical or ""]
    subjects = [(fields.at(path), path == contract.data_subject) for path in contract.subject_paths]
    return fields.at(contract.event_id), fields.at(contract.event_time), units, subjects


def _view(fields: Fields, view: CompiledView | None) -> Data | None:
    if view is None:
        return None
    try:
        return _ViewData(fields, view).data()
    except NotCompiled:
        return None


class _ViewData:
    def __init__(self, fields: Fields, view: CompiledView) -> None:
        self._fields = fields
        self._view = view
        self._schema = view.schema
        self._noises: list[Data] = []

    def data(self) -> Data:
        plan, program = self._view.plan, self._view.program
        ops = [self._op(one) for one in plan.ops]
        shows = any(isinstance(one, Seal | ShownId | Remade) for one in (*plan.ops, plan.key))
        shown_by = self._subject(program.shown_by) if shows and program.shown_by else None
        return self._view.head, ops, self._key(plan.key), shown_by, self._noises

    def _op(self, one: Op) -> Data:  # noqa: PLR0911 - a kind of operation each
        match one:
            case Copy():
                return "copy", self._fields.place(one.first), self._fields.place(one.last + 1)
            case Constant():
                return "constant", one.value
            case Seal():
                return self._seal(one)
            case ShownId():
                return ("shown_id",)
            case Pseudonym():
                return self._in_place(one.part, one.path, Pseudonymise(do="pseudonymise"))
            case Noisy() | Coarse():
                return self._in_place(one.part, one.path, one.rule)
            case Remade():
                return self._remade(one)

    def _subject(self, path: str) -> int:
        return self._view.subject_paths.index(path)

    def _seal(self, one: Seal) -> Data:
        before, after = bound_to(self._view.program.steps.binding, field_path(one.path), one.digest)
        subject = None if one.subject is None else self._subject(one.subject)
        return "seal", self._fields.place(one.first), self._fields.place(one.last + 1), subject, before, after

    def _remade(self, one: Remade) -> Data:
        part = self._fields.written.origin.parts[one.part]
        inside = Inside(self._fields.contract, self._view.program.steps, self._schema, self._inside, self._subject)
        step = inside.step(self._fields.written.origin.tree, part.node, one.path)
        return "remade", self._fields.place(one.part), framed(field_step(name) for name in part.path), step

    def _inside(self, node: Any, path: str, rule: Safeguard) -> Data:
        """Return a value in place of another inside of a part, wherever it lies."""
        of = tree(self._fields.contract.schema)
        kinds, change = self._change(path, rule, inside=True)
        return self._placed(_reading(of, node, 0), node, path, kinds, change)

    def _in_place(self, part: int, path: str, rule: Safeguard) -> Data:
        node = self._fields.written.origin.parts[part].node
        kinds, change = self._change(path, rule, inside=False)
        return self._placed(self._fields.value(part), node, path, kinds, change)

    def _placed(self, place: Place, node: Any, path: str, kinds: set[str], change: Data) -> Data:
        """Return a value in place of another, whose type in the view is one of `kinds`."""
        wanted = node_at(self._schema, path)
        to, _ = self._schema.without_null(wanted)
        if (
            isinstance(to, list)
            or self._schema.kind(to) not in kinds
            or isinstance(node, list) != isinstance(wanted, list)
        ):
            raise NotCompiled
        if not isinstance(wanted, list):
            return "in_place", place, None, change
        nulls = [self._schema.kind(one) == "null" for one in wanted]
        if 2 * nulls.index(True) != place[1]:
            raise NotCompiled
        return "in_place", place, 2 * nulls.index(False), change

    def _change(self, path: str, rule: Safeguard, *, inside: bool) -> tuple[set[str], Data]:
        """Return what becomes of a value, and of which types it is then."""
        match rule:
            case Pseudonymise() if path in self._fields.contract.subject_paths:
                return {"string"}, ("pseudonym", self._subject(path))
            case Mask():
                return {"string"}, ("mask", rule.keep, rule.side == "start", rule.how == "redact")
            case Noise():
                return self._noisy(path, rule, inside=inside)
            case Generalise():
                leaf = self._view.program.steps.leaves[path]
                if leaf.primitive in _WHOLE:
                    return _WHOLE, (*_width(rule, leaf.logical), leaf.primitive)
                if leaf.primitive in _REAL and not leaf.logical:
                    return {leaf.primitive}, (*_cell(rule), leaf.primitive == "float")
        raise NotCompiled

    def _noisy(self, path: str, rule: Noise, *, inside: bool) -> tuple[set[str], Data]:
        steps = self._view.program.steps
        leaf = steps.leaves[path]
        how = mechanism(rule, leaf)
        scale = how.scale.numerator, how.scale.denominator
        if max(abs(how.low), abs(how.high), *scale) > _MOST:
            raise NotCompiled
        # Inside of a part, steps that lead to a value go into the draw when they are known.
        place = place_of(steps.scope, () if inside else field_path(path))
        place = place.removesuffix(bytes(4)) if inside else place
        self._noises.append((how.low, how.high, scale, leaf.primitive, _sides(how.step), place, how.how))
        return {leaf.primitive}, ("noisy", len(self._noises) - 1)

    def _key(self, one: Op | None) -> Data | None:
        match one:
            case None:
                return None
            case ShownId():
                return ("shown_id",)
            case Pseudonym():
                return "pseudonym", self._fields.field(one.part), self._subject(one.path)
            case Copy():
                return "own", self._fields.field(one.first)
        raise NotCompiled


def _width(rule: Generalise, logical: str | None) -> tuple[str, int]:
    """Return how a whole number is generalised, and by how many units."""
    per_day = UNITS_A_DAY.get(logical or "", 0)
    if rule.to in _PARTS_OF_DAY:
        return "bucket", per_day // _PARTS_OF_DAY[rule.to]
    if rule.to == "bucket" and rule.size is not None and rule.size < _MOST:
        return "bucket", int(rule.size)
    if rule.to in {"year", "month"}:
        return rule.to, per_day
    raise NotCompiled


def _cell(rule: Generalise) -> tuple[str, tuple[int, int], bool]:
    """Return how a float or double is generalised: its cell's width, and whether its middle stands for it."""
    if rule.size is None:
        raise NotCompiled
    return "cell", _sides(Fraction(repr(rule.size))), rule.to != "bucket"


def _sides(fraction: Fraction) -> tuple[int, int]:
    """Return numerator and denominator. Raises NotCompiled where the extension does not divide exactly by them."""
    if max(fraction.numerator, fraction.denominator) > _MOST_OF_REAL:
        raise NotCompiled
    return fraction.numerator, fraction.denominator
