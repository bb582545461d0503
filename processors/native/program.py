"""The plans of a writer's views as data for the extension: tuples that begin with a word.

What the extension does not know is left out: a view is None then, and made as without it. `docs/decisions/0013` says
which these are.
"""

from dataclasses import dataclass
from typing import Any

from ...schemas.avro_decode import least_size
from ...schemas.avro_paths import leaves, node_at
from ...schemas.avro_tree import Tree
from ...schemas.confluent_wire import frame
from ...schemas.contract import DataContract
from ...schemas.safeguard import Generalise, Mask
from ..compiled.making import bound_to, field_path
from ..compiled.plan import Coarse, Constant, Copy, Noisy, Op, Pseudonym, Remade, Seal, ShownId
from ..compiled.scanning import NotCompiled
from ..compiled.written import CompiledView, Written
from ..generalise import UNITS_A_DAY
from ..noise import mechanism, place_of

Data = tuple[Any, ...]
Place = tuple[int, int | None, bool]
"""Where a value lies in the positions, the byte that says null, and whether it is text (else a whole number)."""

_WHOLE = {"int", "long"}
_PARTS_OF_DAY = {"day": 1, "hour": 24}
_MOST = 2**62
"""Numbers beyond this are for Python."""


def node_data(resolved: Tree, node: Any) -> Data:
    """Return a type as the scan skips it."""
    if isinstance(node, list):
        return "union", [node_data(resolved, one) for one in node]
    kind = resolved.kind(node)
    return (kind, *_inner(resolved, node, kind))


def _inner(resolved: Tree, node: Any, kind: str) -> Data:
    match kind:
        case "record":
            return ([node_data(resolved, one["type"]) for one in resolved.types[node]["fields"]],)
        case "enum":
            return (len(resolved.types[node]["symbols"]),)
        case "fixed":
            return (resolved.types[node]["size"],)
        case "array":
            return node_data(resolved, node["items"]), least_size(resolved, node["items"])
        case "map":
            return (node_data(resolved, node["values"]),)
    return ()


@dataclass(frozen=True, slots=True)
class Fields:
    """Where the parts of a writer's events lie, as fields that the extension reads."""

    written: Written

    def place(self, position: int) -> int:
        return self.written.places[position]

    def field(self, number: int) -> Place:
        """Return a part. Raises NotCompiled for one that is neither text nor a whole number, or null."""
        origin = self.written.origin
        node = origin.parts[number].node
        inner, nullable = origin.tree.without_null(node)
        kind = origin.tree.kind(inner)
        if kind not in _WHOLE | {"string"} or isinstance(node, list) != nullable:
            raise NotCompiled
        null = 2 * [origin.tree.kind(one) for one in node].index("null") if nullable else None
        return self.place(number), null, kind == "string"

    def at(self, path: str) -> Place:
        """Return the field at a path, which is a part of its own."""
        part = self.written.facts_at.part(path)
        if ".".join(part.path) != path:
            raise NotCompiled
        return self.field(part.number)


def writer_data(contract: DataContract, written: Written) -> Data | None:
    """Return what is compiled for a writer's events; None where the extension can take none of it."""
    fields = Fields(written)
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
        shows = any(isinstance(one, Seal | ShownId) for one in (*plan.ops, plan.key))
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
                return self._in_place(one.part, one.path, {"string"}, ("pseudonym", self._subject(one.path)))
            case Noisy():
                return self._noisy(one)
            case Coarse():
                return self._coarse(one)
            case Remade():
                raise NotCompiled

    def _subject(self, path: str) -> int:
        return self._view.subject_paths.index(path)

    def _seal(self, one: Seal) -> Data:
        before, after = bound_to(self._view.program.steps.binding, field_path(one.path), one.digest)
        subject = None if one.subject is None else self._subject(one.subject)
        return "seal", self._fields.place(one.first), self._fields.place(one.last + 1), subject, before, after

    def _in_place(self, part: int, path: str, kinds: set[str], change: Data) -> Data:
        """Return a value in place of another, whose type in the view is one of `kinds`."""
        node, wanted = self._fields.written.origin.parts[part].node, node_at(self._schema, path)
        to, _ = self._schema.without_null(wanted)
        if isinstance(to, list) or self._schema.kind(to) not in kinds:
            raise NotCompiled
        branch = (
            2 * [self._schema.kind(one) != "null" for one in wanted].index(True) if isinstance(node, list) else None
        )
        return "in_place", self._fields.field(part), branch, change

    def _noisy(self, one: Noisy) -> Data:
        steps = self._view.program.steps
        leaf = steps.leaves[one.path]
        how = mechanism(one.rule, leaf)
        scale = how.scale.numerator, how.scale.denominator
        if not how.whole or max(abs(how.low), abs(how.high), *scale) > _MOST:
            raise NotCompiled
        place = place_of(steps.scope, field_path(one.path))
        self._noises.append((how.low, how.high, scale, leaf.primitive, place, how.how))
        return self._in_place(one.part, one.path, _WHOLE, ("noisy", len(self._noises) - 1))

    def _coarse(self, one: Coarse) -> Data:
        if isinstance(one.rule, Mask):
            change: Data = ("mask", one.rule.keep, one.rule.side == "start", one.rule.how == "redact")
            return self._in_place(one.part, one.path, {"string"}, change)
        leaf = self._view.program.steps.leaves[one.path]
        if leaf.primitive not in _WHOLE:
            raise NotCompiled
        return self._in_place(one.part, one.path, _WHOLE, (*_width(one.rule, leaf.logical), leaf.primitive))

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
