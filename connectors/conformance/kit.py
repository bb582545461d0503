"""The conformance kit: what the publisher relies on, tried on a source, ours or an agency's own.

    def test_our_source_keeps_the_rules(tmp_path):
        assert_conforms(lambda: ledger_with_ten_rows(tmp_path))

Every trial gets an input of its own from `stand`, kills and restarts the source over it, and compares what came out.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from ...schemas.ports import SourceRecord
from ...schemas.reasons import Refusal
from .trial import LIMIT, Life, Memory, Process, Stand, live

__all__ = ["Breach", "Stand", "assert_conforms", "breaches"]

PATIENCE_S = 20.0

_HOPELESS = frozenset(("raises", "empty", "stop"))  # what else such a source does cannot be told

Stands = Callable[[], AbstractContextManager[Stand]]


@dataclass(frozen=True, slots=True)
class Breach:
    """One rule that a source breaks: its word, and what was seen. Quotes no value."""

    rule: str
    seen: str


def assert_conforms(stands: Stands, *, at_least_once: bool = False, patience_s: float = PATIENCE_S) -> None:
    """Raise AssertionError with every breach, if there is any."""
    found = breaches(stands, at_least_once=at_least_once, patience_s=patience_s)
    assert not found, "\n".join(f"{one.rule}: {one.seen}" for one in found)  # noqa: S101 - it is for tests


def breaches(stands: Stands, *, at_least_once: bool = False, patience_s: float = PATIENCE_S) -> list[Breach]:
    """Return the rules that the source of `stands` breaks, each once.

    `at_least_once`: the source's own documentation says that what was not acknowledged comes again, so repeats after
    a kill are no breach. A trial ends after `patience_s`, whatever the source does.
    """
    trials = Trials(stands, at_least_once=at_least_once, patience_s=patience_s)
    found: dict[str, Breach] = {}
    for trial in (trials.whole, trials.killed, trials.uncommitted, trials.opened_again):
        for breach in trial():
            found.setdefault(breach.rule, breach)
        if found.keys() & _HOPELESS:
            break
    return list(found.values())


class Trials:
    """The trials of one source; `whole` comes first, since the others compare with what it read."""

    def __init__(self, stands: Stands, *, at_least_once: bool, patience_s: float) -> None:
        self._stands = stands
        self._lax = at_least_once
        self._patience_s = patience_s
        self._all: list[str] = []

    def whole(self) -> Iterator[Breach]:
        """Read it all, twice over, and ask it to stop."""
        positions: list[str] = []
        for turn in range(2):
            with self._stands() as stand:
                memory = Memory()
                process = self._live(stand, memory, Life(stand.expected, stopped=True))
                yield from self._process(process, stand)
                contents = [_content(record) for record in process.records]
                if not turn:
                    self._all, positions = contents, [_position(record) for record in process.records]
                    yield from _counted(contents, stand.expected)
                elif (contents, [_position(record) for record in process.records]) != (self._all, positions):
                    yield Breach("order", "the same input gave another order, or other positions, the second time")
                after = self._live(stand, memory, Life())
                if after.records and not turn:
                    yield Breach("repeats", f"{len(after.records)} records came again after the last was committed")

    def killed(self) -> Iterator[Breach]:
        """Kill it after a commit, before and after it is told, and go on in a new process."""
        for told in (False, True):
            for commits in (1, 2):
                with self._stands() as stand:
                    memory = Memory()
                    first = self._live(stand, memory, Life(commits=commits, told=told))
                    done = len(first.records)
                    if first.idle or not first.ended or first.error:
                        continue  # `whole` has said it
                    second = self._live(stand, memory, Life(stand.expected - done, whole=self._holds(done)))
                    # At least once: a broker may not have read the last acknowledgements when the next one comes.
                    yield from self._rest(second, done, exact=not self._lax)

    def uncommitted(self) -> Iterator[Breach]:
        """Read everything, commit nothing, and begin anew: nothing may be gone."""
        with self._stands() as stand:
            memory = Memory()
            self._live(stand, memory, Life(stand.expected, committing=False))
            second = self._live(stand, memory, Life(stand.expected))
            if missing := set(self._all) - {_content(record) for record in second.records}:
                yield Breach("acknowledges", f"{len(missing)} records were gone although nothing was committed")

    def opened_again(self) -> Iterator[Breach]:
        """Open the same source again after one commit: what was given since then comes again."""
        with self._stands() as stand:
            source, memory = stand.source(), Memory()
            first = live(source, memory, Life(commits=1), self._patience_s)
            done = len(first.records)
            if first.ended and not first.error and not first.idle:
                aborted = Memory(memory.position, set(memory.finished))
                live(source, aborted, Life(aborted=True), self._patience_s)
                second = live(source, memory, Life(stand.expected - done), self._patience_s)
                if set(self._all[done:]) - {_content(record) for record in second.records}:
                    yield Breach("open", "what was given since the last commit did not come again after open")

    def _holds(self, done: int) -> Callable[[list[SourceRecord]], bool]:
        due = set(self._all[done:])
        return lambda records: due <= {_content(record) for record in records}

    def _live(self, stand: Stand, memory: Memory, life: Life) -> Process:
        return live(stand.source(), memory, life, self._patience_s)

    def _rest(self, second: Process, done: int, *, exact: bool) -> Iterator[Breach]:
        given, due = [_content(record) for record in second.records], self._all[done:]
        if set(due) - set(given):
            yield Breach("loses", f"{len(set(due) - set(given))} records never came after a kill")
        if exact and set(given) & (set(self._all[:done]) - set(due)):
            yield Breach("repeats", "committed records came again after a kill")
        elif exact and not set(due) - set(given) and given != due:
            yield Breach("order", "after a kill the rest came in another order, or more than once")

    def _process(self, process: Process, stand: Stand) -> Iterator[Breach]:
        if process.error is not None:
            yield Breach("raises", f"{type(process.error).__name__} ended it")
        elif not process.idle:
            yield Breach("empty", f"no empty batch came within {self._patience_s:g} s after what there was to read")
        elif not process.ended:
            yield Breach("stop", f"batches did not end within {self._patience_s:g} s after stop")
        if process.largest > LIMIT:
            yield Breach("limit", f"a batch held {process.largest} records, asked for were {LIMIT}")
        yield from (breach for record in process.records for breach in _of_record(record, stand.secrets))
        if any(secret in line for line in process.log for secret in stand.secrets):
            yield Breach("leaks", "a log line holds a value")


def _counted(contents: Sequence[str], expected: int) -> Iterator[Breach]:
    if len(contents) < expected:
        yield Breach("loses", f"{expected - len(contents)} of {expected} records never came")
    elif len(contents) > expected:
        yield Breach("repeats", f"{len(contents) - expected} records more than the {expected} there are")


def _of_record(record: SourceRecord, secrets: Sequence[str]) -> Iterator[Breach]:
    if _position(record) == "":
        yield Breach("position", "a position is not plain JSON, or not the same after it was written and read")
    shown = f"{record.place} {record.detail} {record.input} {record.finishes} {_position(record)}"
    if any(secret in shown for secret in secrets):
        yield Breach("leaks", "place, detail, input or position holds a value")
    if (record.value is None) == (record.refusal is None) or record.refusal not in {None, *Refusal}:
        yield Breach("refusal", "a record has either a value or one of the known refusals")


def _position(record: SourceRecord) -> str:
    try:
        text = json.dumps(record.position, sort_keys=True, allow_nan=False)
        return text if json.loads(text) == record.position else ""
    except (TypeError, ValueError):
        return ""


def _content(record: SourceRecord) -> str:
    """Return what a record says, for comparing; never shown."""
    return json.dumps([record.value, record.refusal, repr(record.raw)], sort_keys=True, default=repr)
