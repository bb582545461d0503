"""All that is compiled for events of one writer schema: how they are read, and every view of the lane."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...schemas.agreement import Agreement
from ...schemas.avro_tree import Tree, tree
from ...schemas.confluent_wire import frame
from ...schemas.contract import DataContract
from ..view import ViewProgram
from .facts import FactWriter
from .making import SHARED as FOR_MAKING
from .making import Origin, ViewWriter
from .plan import ViewPlan, plan_view
from .scanning import SHARED as FOR_SCANNING
from .scanning import NotCompiled, scan_source
from .spans import spans

Predicate = Callable[[Mapping[str, Any]], bool]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A view that a lane serves, with its program for the writer schema at hand."""

    program: ViewProgram
    view_schema: Mapping[str, Any]
    view_schema_id: int


@dataclass(frozen=True, slots=True)
class CompiledView:
    """One agreement's view: what deciding asks of it, and how it is made (see `ViewWriter`)."""

    agreement: Agreement
    data_subject: str | None
    predicate: Predicate | None
    subject_paths: tuple[str, ...]
    program: ViewProgram
    noisy: bool
    bulk: bool
    seals: int
    plan: ViewPlan
    head: bytes
    schema: Tree
    source: str
    make: Callable[..., tuple[bytes, bytes | None]]


@dataclass(frozen=True, slots=True)
class Written:
    """How events of one writer schema are read, and their views; None where only the slow path knows the view.

    `scan(d)` gives positions, `facts(d, p)` the event's own id (framed), its day and the references of its subjects, in
    the order of `subject_paths`; `value(d, p)` what predicates read. All raise where anything about the event is not as
    usual. For another back end: `origin`, where the facts lie (`facts_at`), and where in `p` a position stands
    (`places`).
    """

    schema_id: int
    scan: Callable[[bytes], tuple[int, ...]]
    facts: Callable[[bytes, tuple[int, ...]], tuple[Any, ...]]
    value: Callable[[bytes, tuple[int, ...]], Mapping[str, Any]]
    views: tuple[CompiledView | None, ...]
    source: str
    origin: Origin
    facts_at: FactWriter
    places: Mapping[int, int]
    subject_paths: tuple[str, ...]

    @property
    def head(self) -> bytes:
        """What records of this writer begin with."""
        return frame(self.schema_id, b"")

    def read_by(self, number: int) -> list[tuple[int, int]]:
        """Return between which places of `p` the predicate of a view reads."""
        view = self.views[number]
        parts = map(self.facts_at.predicated, view.program.predicate_paths if view else ())
        numbers = {one.number for one in parts if one is not None}
        return [(self.places[one], self.places[one + 1]) for one in sorted(numbers)]


def compile_written(
    contract: DataContract,
    schema_id: int,
    schema: Mapping[str, Any],
    wanted: Sequence[Wanted],
    reference: Callable[[bytes], bytes],
) -> Written | None:
    """Return what is compiled for events of `schema`; None where only the slow path knows how to read them."""
    writer = tree(schema)
    parts = spans(writer)
    facts = FactWriter(contract, writer, parts, reference)
    predicates = sorted({path for one in wanted for path in one.program.predicate_paths})
    try:
        whole = facts.needs(predicates)
        if not whole:
            return None
        planned = [_planned(contract, Origin(writer, parts), one) for one in wanted]
        positions = facts.positions.union(*(one.positions() for one, _ in filter(None, planned)))
        scanning = scan_source(writer, parts, positions)
    except NotCompiled:
        return None
    places = {position: place for place, position in enumerate(sorted(positions))}
    reading, valuing = facts.facts(places), facts.value(places, predicates)
    return Written(
        schema_id=schema_id,
        scan=scanning.function("scan", dict(FOR_SCANNING)),
        facts=reading.function("facts", {}),
        value=valuing.function("value", {}),
        views=tuple(_view(one, found, places) for one, found in zip(wanted, planned, strict=True)),
        source=f"{scanning.text()}\n\n{reading.text()}\n\n{valuing.text()}",
        origin=Origin(writer, parts),
        facts_at=facts,
        places=places,
        subject_paths=tuple(contract.subject_paths),
    )


def _planned(contract: DataContract, origin: Origin, wanted: Wanted) -> tuple[ViewWriter, ViewPlan] | None:
    steps = wanted.program.steps
    try:
        plan = plan_view(contract, origin.tree, steps, wanted.view_schema, wanted.program.agreement.id)
        head = frame(wanted.view_schema_id, b"")
        paths = wanted.program.subject_paths
        return ViewWriter(plan, steps, paths, origin, tree(wanted.view_schema), head), plan
    except NotCompiled:
        return None


def _view(wanted: Wanted, found: tuple[ViewWriter, ViewPlan] | None, places: Mapping[int, int]) -> CompiledView | None:
    if found is None:
        return None
    program = wanted.program
    try:
        source = found[0].write(places, program.shown_by)
    except NotCompiled:
        return None
    return CompiledView(
        agreement=program.agreement,
        data_subject=program.data_subject,
        predicate=program.own_predicate,
        subject_paths=program.subject_paths,
        program=program,
        noisy=program.noisy,
        bulk=program.bulk,
        seals=found[1].seals,
        plan=found[1],
        head=frame(wanted.view_schema_id, b""),
        schema=tree(wanted.view_schema),
        source=source.text(),
        make=source.function("view", dict(FOR_MAKING)),
    )
