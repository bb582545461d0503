"""CSV as RFC 4180 has it: a header, quoted fields that may hold line ends, UTF-8. Values are text.

Read by hand because the standard library's reader hides the bytes of a row (quarantine wants them), limits fields by
a process-wide setting, and guesses where a row is malformed. A quote counts only where a field begins.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from ...schemas.reasons import Refusal
from .csv_columns import Judge, any_columns
from .rows import Line, Row, lines, skip_bom, too_large

_START, _PLAIN, _QUOTED, _CLOSING = range(4)
_QUOTE = 0x22

Build = Callable[[Sequence[str]], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class CsvForm:
    """What parts the fields of a row, and who judges the columns of a header."""

    delimiter: str = ","
    judge: Judge = any_columns


class _Quotes:
    """Follows quoted fields through pieces of bytes. UTF-8 never has a quote or delimiter byte inside a character."""

    def __init__(self, delimiter: str) -> None:
        self._delimiter = delimiter.encode()
        self._state = _START

    def unclosed(self, piece: bytes) -> bool:
        """Take in `piece`, at most one line; return whether its end lies inside a quoted field."""
        ends = piece.endswith(b"\n")
        if ends and self._state in (_START, _PLAIN) and b'"' not in piece:
            self._state = _START
            return False
        self._walk(piece)
        if ends and self._state != _QUOTED:
            self._state = _START
        return self._state == _QUOTED

    def _walk(self, piece: bytes) -> None:
        at, state = 0, self._state
        while 0 <= at < len(piece):
            if state in (_START, _CLOSING):
                quote = piece[at] == _QUOTE
                state, at = (_QUOTED, at + 1) if quote else (_PLAIN, at)
            else:
                sought, then = (self._delimiter, _START) if state == _PLAIN else (b'"', _CLOSING)
                found = piece.find(sought, at)
                state, at = (then, found + 1) if found >= 0 else (state, -1)
        self._state = state


def csv_rows(stream: BinaryIO, limit: int, form: CsvForm) -> Iterator[Row]:
    """Yield the rows; blank lines are none. A wrong header is the only row of its file."""
    skip_bom(stream)
    filled = (
        line for line in lines(stream, limit, _Quotes(form.delimiter).unclosed) if line.raw is None or line.raw.strip()
    )
    header = next(filled, None)
    if header is None:
        return
    parse = _parser(form.delimiter)
    names, refused = _header(header, parse, form)
    if refused:
        yield refused
        return
    build = _builder(names)
    for line in filled:
        yield _row(line, parse, len(names), build)


def _header(line: Line, parse: Callable[[str], list[str] | None], form: CsvForm) -> tuple[list[str], Row | None]:
    row = _row(line, parse, None, dict)
    names = [] if row.refusal or line.raw is None else [name.strip() for name in parse(_text(line.raw)) or ()]
    wrong = row.detail or _fault(names, form)
    if not wrong:
        return names, None
    raw = None if line.raw is None else line.raw.rstrip(b"\r\n")
    refusal = row.refusal or Refusal.COLUMNS
    return names, Row(line.size, None, refusal, wrong, raw, keep_file=True, place="line 1", sha256=line.sha256)


def _fault(names: list[str], form: CsvForm) -> str:
    """Return what is wrong with a header, or nothing. Says which contract columns; never quotes the file."""
    known = set(names)
    if "" in known or len(known) != len(names):
        return "the header has an empty or repeated column"
    # A column `payee` beside `payee.id` would be a text and a record at once.
    if any(name.startswith(f"{other}.") for name in known for other in known):
        return "a column of the header lies inside another one"
    return form.judge(known)


def _row(line: Line, parse: Callable[[str], list[str] | None], width: int | None, build: Callable[[Any], Any]) -> Row:
    if line.raw is None:
        return too_large(line.size, line.sha256)
    raw = line.raw.rstrip(b"\r\n")
    if line.open:
        detail = "a quote is never closed: everything from here to the end of the file is unread"
        return Row(line.size, None, Refusal.ENCODING, detail, raw, keep_file=True)
    try:
        fields = parse(_text(raw))
    except UnicodeError:
        return Row(line.size, None, Refusal.ENCODING, "not valid UTF-8", raw)
    if fields is None:
        return Row(line.size, None, Refusal.ENCODING, "text after a closing quote, or a bare carriage return", raw)
    if width is not None and len(fields) != width:
        return Row(line.size, None, Refusal.COLUMNS, f"{len(fields)} columns, the header has {width}", raw)
    return Row(line.size, build(fields) if width is not None else None)


def _text(raw: bytes) -> str:
    return raw.rstrip(b"\r\n").decode()


def _parser(delimiter: str) -> Callable[[str], list[str] | None]:
    mark = re.escape(delimiter)
    field = re.compile(rf'(?:"([^"]*(?:""[^"]*)*)"|((?!")[^{mark}\r]*))({mark}|\Z)')

    def parse(text: str) -> list[str] | None:
        if '"' not in text:
            return None if "\r" in text else text.split(delimiter)
        found, at = [], 0
        while match := field.match(text, at):
            quoted, plain, end = match.groups()
            found.append(plain if quoted is None else quoted.replace('""', '"'))
            if not end:
                return found
            at = match.end()
        return None

    return parse


def _builder(names: Sequence[str]) -> Build:
    if not any("." in name for name in names):
        return lambda fields: dict(zip(names, fields, strict=True))
    paths = [(name.split(".")[:-1], name.rpartition(".")[2]) for name in names]

    def build(fields: Sequence[str]) -> Mapping[str, Any]:
        root: dict[str, Any] = {}
        for (parents, leaf), text in zip(paths, fields, strict=True):
            record = root
            for parent in parents:
                record = record.setdefault(parent, {})
            record[leaf] = text
        return root

    return build
