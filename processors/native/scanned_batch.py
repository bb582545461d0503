"""A batch that the extension has read: what is decided of it, in columns, and what accounts for it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, partial

from ...schemas.contract import DataContract
from ...schemas.crash_points import passing
from ...schemas.ports import KeyStore
from ...schemas.reasons import Reason
from ..compiled.facts import Months
from ..compiled.written import Written
from ..event_work import Decided, EventWork, Means, Scanned
from ..one_by_one import Task
from ..outcome import Disclosure, Outcome
from ..policy import covering
from ..served import Served
from .batch_keys import Subjects, batch_keys
from .columns import DECISIONS, NOTHING, Column, Said, after, code
from .extension import Key, Scan
from .programs import ProgramsMet

_disclosure = partial(tuple.__new__, Disclosure)
_WITHHELD = {number: Reason(DECISIONS[number]) for number in range(1, len(DECISIONS) - 1)}


class ScannedBatch:
    """One batch. Events that the extension did not take are decided `singly`, by their number."""

    def __init__(  # noqa: PLR0913, PLR0917 - each is a noun of its own
        self,
        contract: DataContract,
        served: Sequence[Served],
        work: EventWork,
        task: Task,
        scan: Scan,
        programs: ProgramsMet,
        months: Months,
    ) -> None:
        self._contract = contract
        self._months = months
        self._days = scan.days()
        self._singly: dict[int, Decided] = {}
        self.task = task
        self.scan = scan
        self.served = served
        self.work = work
        self.programs = programs
        self.writers = scan.writers()
        self.columns: list[Column] = []

    # --- deciding ---

    def take(self, outcome: Outcome) -> None:
        """Decide about every event, and note whose keys are wanted."""
        numbers = range(len(self.served))
        self.columns = [self._decided(number, column) for number, column in zip(numbers, self._standing(), strict=True)]
        for event, writer in enumerate(self.writers):
            if not writer:
                self._take_singly(event, outcome)
        for writer, count in Counter(self.writers).items():
            if writer:
                passing("decoded", count)
                passing("decided", count)
                outcome.unknown_fields += count * self.work.unknown_fields(self._written(writer).schema_id)
        self._tally_withheld(outcome)

    def _standing(self) -> list[Column]:
        batch, standings = self.task.batch, self.task.standings
        if standings.alike:
            return [Column((code(one),)) * len(batch) for one in standings.standing]
        rows = [[code(one) for one in standings.of(source)] for source in batch]
        return [Column(column) for column in zip(*rows, strict=True)]

    def _decided(self, number: int, column: Column) -> Column:
        agreement = self.served[number].agreement
        if agreement.consent != "not-required" and 0 in column:
            column = after(column, self._consented(self.task.given[number]))
        if agreement.predicate is not None and 0 in column:
            column = after(column, self._covered(number))
        return column

    def _consented(self, given: frozenset[bytes]) -> Column:
        withheld = code(Reason.CONSENT)
        about = self._contract.data_subject
        if about is None:
            return Column((withheld,)) * len(self.writers)
        return Column(0 if one in given else withheld for one in self.subjects[about])

    def _covered(self, number: int) -> Column:
        """Ask a predicate once for all events that show it the same."""
        first, kinds = self.scan.alike(self.programs.reads(number))
        verdicts = bytes(code(self._verdict(number, event)) for event in first) or b"\0"
        return Column(map(verdicts.__getitem__, kinds))

    def _verdict(self, number: int, event: int) -> Reason | None:
        written = self._written(self.writers[event])
        view = written.views[number]
        if view is None or view.predicate is None:
            return Reason.PREDICATE_ERROR
        return covering(view.predicate, written.value(self._data(event), self.scan.positions(event)))

    def _take_singly(self, number: int, outcome: Outcome) -> None:
        source = self.task.batch[number]
        event = self.work.taken(source, outcome)
        if event is None:
            codes: Iterable[int] = [NOTHING] * len(self.columns)
        else:
            passing("decoded")
            one = self._singly[number] = self.work.decided(
                source, event, self.task.standings.of(source), self.task.given
            )
            passing("decided")
            codes = map(code, one.reasons)
            outcome.unknown_fields += self.work.unknown_fields(event.schema_id)
        for column, found in zip(self.columns, codes, strict=True):
            column[number] = found

    # --- keys ---

    @cached_property
    def subjects(self) -> Mapping[str, list[bytes | None]]:
        """By path, the reference of each event's data subject; None where it names none or was not taken."""
        return {path: self.scan.subjects(number) for number, path in enumerate(self._contract.subject_paths)}

    def _wanted(self, number: int) -> list[Subjects]:
        view = self.programs.writers[0].views[number]
        return [self._released(number, self.subjects[path]) for path in (view.subject_paths if view else ())]

    def _released(self, number: int, subjects: list[bytes | None]) -> Subjects:
        """Return the data subjects of what is released."""
        column = self.columns[number]
        if not any(column):
            return subjects
        return [None if withheld else one for withheld, one in zip(column, subjects, strict=True)]

    def means(self, store: KeyStore) -> tuple[Means, list[list[list[Key | None]]]]:
        """Ask for the keys of everybody whose are wanted; return them, and those of each event for the extension."""
        wanted = [(one.scope, self._wanted(number)) for number, one in enumerate(self.served)]
        wants = (one.wants for one in self._singly.values())
        more = {want for one in wants for found in one if found for want in found.values()}
        keys, held = batch_keys(store, wanted, more)
        passing("keys_made")
        return Means(keys, self.task.nonces), held

    def periods(self, number: int) -> dict[int, str]:
        """Return by day the periods of whatever is released under one agreement."""
        rows = zip(self._days, self.columns[number], self.writers, strict=True)
        return {day: self._months[day] for day in {day for day, withheld, own in rows if own and not withheld}}

    # --- an event by itself ---

    def singly(self, number: int) -> Decided:
        """Return one event as it is worked on by itself."""
        if number not in self._singly:
            self._singly[number] = self._by_itself(number)
        return self._singly[number]

    def _by_itself(self, number: int) -> Decided:
        subjects = {path: one for path, column in self.subjects.items() if (one := column[number]) is not None}
        written, scan = self._written(self.writers[number]), self.scan
        period = self._months[self._days[number]]
        event = Scanned(written, self._data(number), scan.positions(number), scan.event_id(number), period, subjects)
        views = [(served, view) for served, view in zip(self.served, written.views, strict=True)]
        wants = [None if view is None else served.wants_of(subjects, view.subject_paths) for served, view in views]
        return Decided(self.task.batch[number], event, [None] * len(views), list(wants))

    def _written(self, writer: int) -> Written:
        return self.programs.writers[writer - 1]

    def _data(self, number: int) -> bytes:
        return self.task.batch[number].value or b""

    # --- accounts ---

    def account(self, outcome: Outcome) -> None:
        """Tell what became of every event for each of its data subjects."""
        columns = list(self.subjects.values())
        if not columns:
            return
        said = Said([one.agreement.id for one in self.served]).of(self.columns)
        if len(columns) == 1 and None not in columns[0]:
            outcome.disclosures += map(_disclosure, zip(columns[0], self.task.batch, said, strict=True))
            return
        for number, subjects in enumerate(self._subjects_of_each()):
            outcome.disclosures += [_disclosure((one, self.task.batch[number], said[number])) for one in subjects]

    def _subjects_of_each(self) -> Iterable[Sequence[bytes]]:
        columns = list(self.subjects.values())
        for number, row in enumerate(zip(*columns, strict=True)):
            if self.writers[number]:
                yield sorted({one for one in row if one is not None})
            elif number in self._singly:
                yield sorted(set(self._singly[number].event.subjects.values()))
            else:
                yield ()

    def _tally_withheld(self, outcome: Outcome) -> None:
        for served, column in zip(self.served, self.columns, strict=True):
            withheld = outcome.tallies[served.agreement.id].withheld
            for number, reason in _WITHHELD.items():
                if count := column.count(number):
                    withheld[reason] = withheld.get(reason, 0) + count
