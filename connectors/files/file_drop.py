"""The file source: an agency drops files into a directory, and every row of every file is published exactly once.

What makes it so: a row's position (the content's hash and the number of rows done) is committed in the transaction
that publishes the row, and a file that is done leaves its hash behind. A file moves only after its commit.
"""

import contextlib
import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ...schemas.contract import DataContract
from ...schemas.errors import ConfigurationError
from ...schemas.ports import SourceRecord
from ...schemas.source_place import SourcePlace
from .avro_rows import avro_rows
from .csv_columns import any_columns, listed, of_contract
from .csv_rows import CsvForm, csv_rows
from .file_options import FileOptions
from .inbox import Inbox, hash_of
from .ndjson_rows import ndjson_rows
from .positions import Position
from .reading import Reading, Rows

log = logging.getLogger(__name__)

READERS: Mapping[str, Rows] = {
    "ndjson": lambda stream, options: ndjson_rows(stream, options.max_record_bytes),
    "avro": lambda stream, options: avro_rows(stream, options.max_record_bytes),
}
FORMATS = ("csv", *READERS)

SUFFIXES = {".csv": "csv", ".ndjson": "ndjson", ".jsonl": "ndjson", ".avro": "avro"}
AUTO = "auto"


def file_source(place: SourcePlace) -> "FileDrop":
    """Return the file source of a place. Raises ConfigurationError."""
    if place.path is None:
        raise ConfigurationError("a file source needs a path", place=place.id, remedy="path: inbox/NAME")
    return FileDrop(place.root / place.path, place.format, place.options, place.contract)


class FileDrop:
    """A `Source` over the files of one directory, in the order of their names.

    A file counts once it has its final name: writers rename it there (same file system), and names that start with a
    dot or end in `.part` or `.tmp` are not looked at. A content that was published under any name is not published
    again. Format `auto` goes by each name's suffix. CSV headers are judged by the option `columns`, else by the
    `contract`, if there is one. For one thread, but for `stop`.
    """

    def __init__(
        self,
        directory: Path,
        fmt: str,
        options: Mapping[str, Any] | None = None,
        contract: DataContract | None = None,
    ) -> None:
        if fmt not in FORMATS and fmt != AUTO:
            raise ConfigurationError(
                f"a file source does not know the format '{fmt}'",
                place=str(directory),
                remedy=f"use {', '.join(FORMATS)} or {AUTO}",
            )
        self._inbox = Inbox(Path(directory))
        self._options = FileOptions.of(options or {}, str(directory))
        self._rows = {**READERS, "csv": _csv_rows(self._options, contract)}
        self._format = fmt
        self._text = fmt == "csv"
        self._stopped = threading.Event()
        self._finished: Callable[[str], bool] = lambda _: False
        self._resume: Position | None = None
        self._read: dict[str, Reading] = {}  # by hash: read, but not committed as far as we know
        self._done: set[str] = set()

    @property
    def text(self) -> bool:
        """Say whether the batch in hand is CSV; constant unless the format is `auto`."""
        return self._text

    def open(self, position: Mapping[str, Any] | None, finished: Callable[[str], bool]) -> None:
        """Stand at `position`. A file that was done when a former process ended moves now.

        A half-published file is found by its content, under whatever name. If there is only its name, with another
        content, nobody can tell which of its rows are new: it moves to `failed/`.
        """
        self._inbox.prepare()
        self._finished = finished
        self._read.clear()
        self._resume = None
        if position is None:
            return
        at = Position.of(position)
        name = self._inbox.holding(at.sha256, at.file)
        if at.done and name is not None:
            self._done.add(at.sha256)
            self._put_away(name, at)
        elif not at.done and name is None:
            self._inbox.fail(at.file, f"the file changed after {at.row} of its rows were published")
        elif name is not None:
            self._resume = at.under(name)

    def batches(self, limit: int) -> Iterator[list[SourceRecord]]:
        """Yield batches, each of one file; wait `poll_seconds` after an empty one."""
        while not self._stopped.is_set():
            reading = self._next()
            if reading is None:
                yield []
                self._stopped.wait(self._options.poll_seconds)
            else:
                yield from self._batches_of(reading, limit)

    def committed(self, position: Mapping[str, Any]) -> None:
        """Move the file whose last row this is."""
        at = Position.of(position)
        if at.done and (reading := self._read.pop(at.sha256, None)):
            self._done.add(at.sha256)
            self._put_away(reading.name, at, reading.seen)

    def stop(self) -> None:
        """Let `batches` end after the batch in hand. May be called from another thread or a signal handler."""
        self._stopped.set()

    def _batches_of(self, reading: Reading, limit: int) -> Iterator[list[SourceRecord]]:
        fmt = self._format_of(reading.name)
        self._text = fmt == "csv"
        with reading:
            for batch in reading.batches(self._rows[fmt], self._options, limit):
                yield batch
                if self._stopped.is_set():
                    return
        if reading.changed:
            del self._read[reading.sha256]
            self._inbox.fail(reading.name, f"the file changed while its {reading.row} rows were read and published")
        elif not reading.ended:  # it has no rows (left), so there is no commit to wait for
            self.committed(reading.position(done=True).as_mapping())

    def _format_of(self, name: str) -> str:
        return self._format if self._format != AUTO else SUFFIXES.get(Path(name).suffix.lower(), "")

    def _next(self) -> Reading | None:
        if self._resume is not None:
            at, self._resume = self._resume, None
            return self._take(at.file, at)
        for name in self._inbox.names():
            if reading := self._take(name):
                return reading
        return None

    def _take(self, name: str, at: Position | None = None) -> Reading | None:
        """Return the file to be read now, or None: then it is being published, was published, or cannot be read."""
        if not name.isprintable() or self._format_of(name) not in FORMATS:
            self._inbox.fail(name, "the name is not printable text, or its suffix tells no format")
            return None
        stream = self._inbox.open(name)
        if stream is None:
            return None
        with contextlib.ExitStack() as unless_taken:
            unless_taken.enter_context(stream)
            seen = os.fstat(stream.fileno())
            if any(os.path.samestat(seen, other.seen) for other in self._read.values()):
                return None
            sha256 = hash_of(stream)
            if self._known(name, sha256, seen, at):
                return None
            unless_taken.pop_all()
        reading = Reading(name, stream, seen, at or Position(name, sha256, 0, done=False))
        self._read[sha256] = reading
        return reading

    def _known(self, name: str, sha256: str, seen: os.stat_result, at: Position | None) -> bool:
        if at is not None and at.sha256 != sha256:
            self._inbox.fail(name, f"the file changed after {at.row} of its rows were published", seen)
            return True
        if sha256 in self._read or sha256 in self._done or self._finished(sha256):
            log.info("%r holds what was published before and moves to done/", name)
            self._inbox.finish(name, seen)
            return True
        return False

    def _put_away(self, name: str, at: Position, seen: os.stat_result | None = None) -> None:
        if at.failed:
            self._inbox.fail(name, "it holds refused rows that are kept nowhere else: see quarantine", seen)
        else:
            self._inbox.finish(name, seen)


def _csv_rows(options: FileOptions, contract: DataContract | None) -> Rows:
    judge = of_contract(contract) if contract is not None else any_columns
    if options.columns is not None:
        judge = listed(options.columns, options.optional_columns)
    form = CsvForm(options.delimiter, judge)
    return lambda stream, options: csv_rows(stream, options.max_record_bytes, form)
