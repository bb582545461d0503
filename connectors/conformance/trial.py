"""One trial of a source: reads it as the publisher does, in a thread of its own, and forgets what a process forgets."""

import contextlib
import json
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ...schemas.ports import Answering, Source, SourceRecord, Verdict

LIMIT = 3


@dataclass(frozen=True, slots=True)
class Stand:
    """An input of `expected` records, refused ones included, made for one trial.

    `source` makes a new source over it, as a new process does. `secrets` are texts inside the records' values.
    """

    source: Callable[[], Source]
    expected: int
    secrets: tuple[str, ...] = ()


@dataclass(slots=True)
class Memory:
    """What Kafka keeps of a source: the last committed position, as JSON, and the inputs that are finished."""

    position: str | None = None
    finished: set[str] = field(default_factory=set)

    def commit(self, batch: list[SourceRecord]) -> None:
        self.position = json.dumps(dict(batch[-1].position))
        self.finished |= {record.finishes for record in batch if record.finishes}

    def said(self) -> Any:
        return None if self.position is None else json.loads(self.position)


@dataclass(slots=True)
class Process:
    """One process's life: what it read, and how it ended."""

    records: list[SourceRecord] = field(default_factory=list)
    largest: int = 0
    ended: bool = False
    left: bool = False
    idle: bool = False
    error: BaseException | None = None
    log: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Life:
    """How a process shall live: until `commits` were made (-1: until there is nothing to read), `told` of them or not.

    `enough`: records after which an empty batch is the end. `stopped`: it is asked to stop instead of being killed.
    `aborted`: it ends with its first batch, which is not committed. `whole` says whether nothing is missing any more:
    what came twice counts for `enough`, and is not what is waited for.
    """

    enough: int = 0
    commits: int = -1
    told: bool = True
    stopped: bool = False
    committing: bool = True
    aborted: bool = False
    whole: Callable[[list[SourceRecord]], bool] = lambda _: True


def live(source: Source, memory: Memory, life: Life, patience_s: float) -> Process:
    """Return what a process saw. One that hangs is left behind after `patience_s`, with `ended` False."""
    process = Process()
    thread = threading.Thread(target=_live, args=(source, memory, life, process), daemon=True)
    with _listening(process.log):
        thread.start()
        thread.join(patience_s)
        if thread.is_alive():
            process.left = True
            source.stop()  # a courtesy: most sources let go of their input then
            thread.join(0.2)
            process.ended = False
    return process


def _live(source: Source, memory: Memory, life: Life, process: Process) -> None:
    try:
        source.open(memory.said(), memory.finished.__contains__)
        batches = source.batches(LIMIT)
        _read(source, batches, memory, life, process)
        if life.stopped:
            source.stop()
            for batch in batches:
                process.records += batch
                if process.left:
                    return
        with contextlib.suppress(AttributeError):  # an iterator that is no generator has nothing to close
            batches.close()  # type: ignore[attr-defined]
    except BaseException as error:  # noqa: BLE001 - a finding, whatever it is
        process.error = error
    process.ended = True


def _read(source: Source, batches: Iterator[list[SourceRecord]], memory: Memory, life: Life, process: Process) -> None:
    commits = 0
    for batch in batches:
        if process.left:
            return
        process.largest = max(process.largest, len(batch))
        new = [record for record in batch if not record.again]
        process.records += new
        if not batch and len(process.records) >= life.enough and life.whole(process.records):
            process.idle = True
            return
        if new and life.aborted:
            return
        if not new or not life.committing:
            continue
        if isinstance(source, Answering):
            source.decided([_verdict(record) for record in new])
        memory.commit(new)
        commits += 1
        last = commits == life.commits
        if life.told or not last:
            source.committed(memory.said())
        if last:
            return


def _verdict(record: SourceRecord) -> Verdict:
    return Verdict("quarantined", record.refusal) if record.refusal else Verdict("published")


@contextlib.contextmanager
def _listening(lines: list[str]) -> Iterator[None]:
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
