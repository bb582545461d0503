"""Samples to infer from: a file's first records, or what a container or a registry says of them already."""

import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from ...connectors.files.avro_container import BrokenContainerError, Container
from ...connectors.files.csv_rows import CsvForm, csv_rows
from ...connectors.files.file_drop import SUFFIXES
from ...connectors.files.file_options import DELIMITERS
from ...connectors.files.ndjson_rows import ndjson_rows
from ...connectors.files.rows import Row
from ...schemas.errors import ConfigurationError
from ...schemas.quarantine import MAX_ORIGINAL_BYTES
from .infer_shape import NAME, Shape, kind_of_text

MOST_JSON_BYTES = 64 << 20
Progress = Callable[[int], None]


@dataclass(slots=True)
class Sample:
    """What was found: the shape of `records` values, or the `schema` itself. `unreadable` records are counted only."""

    shape: Shape
    schema: Mapping[str, Any] | None = None
    text: bool = False
    records: int = 0
    unreadable: int = 0

    def take(self, rows: Iterator[Row], progress: Progress) -> None:
        for number, row in enumerate(rows, 1):
            progress(number)
            if row.value is None:
                self.unreadable += 1
            else:
                self.records += 1
                self.shape.add(row.value, text=self.text)


def sample_file(path: Path, most: int, progress: Progress) -> Sample:
    """Return a sample of at most `most` records of a file. Raises ConfigurationError when it holds none."""
    form = "json" if path.suffix.lower() == ".json" else SUFFIXES.get(path.suffix.lower())
    sample = Sample(Shape(), text=form == "csv")
    with path.open("rb") as stream:
        if form == "avro":
            sample.schema = _schema_of(stream, path)
            return sample
        rows = _rows(stream, form, path)
        sample.take(itertools.islice(rows, most), progress)
    if not sample.records:
        raise _unfit(path, f"holds no readable record ({sample.unreadable} that cannot be read)")
    return sample


def _rows(stream: BinaryIO, form: str | None, path: Path) -> Iterator[Row]:
    if form == "csv":
        return _csv(stream, path)
    if form == "ndjson":
        return ndjson_rows(stream, MAX_ORIGINAL_BYTES)
    if form == "json":
        return _json(stream, path)
    raise _unfit(path, "has a suffix that tells no format", "use .csv, .ndjson, .jsonl, .json or .avro")


def _json(stream: BinaryIO, path: Path) -> Iterator[Row]:
    """Return one record, or the items of an array; a file of lines is read as lines."""
    data = stream.read(MOST_JSON_BYTES + 1)
    if len(data) > MOST_JSON_BYTES:
        raise _unfit(path, "is larger than 64 MiB", "write one JSON object a line, as .ndjson")
    try:
        value = json.loads(data)
    except json.JSONDecodeError as error:
        if error.msg.startswith("Extra data"):
            stream.seek(0)
            return ndjson_rows(stream, MAX_ORIGINAL_BYTES)
        raise _unfit(path, f"is not JSON (line {error.lineno})") from None
    except (ValueError, RecursionError):
        raise _unfit(path, "is not JSON in UTF-8, or nested too deep") from None
    found = value if isinstance(value, list) else [value]
    return iter([Row(0, value=one if isinstance(one, dict) else None) for one in found])


def _csv(stream: BinaryIO, path: Path) -> Iterator[Row]:
    head = stream.readline(1 << 16).decode("utf-8", "replace").lstrip("\ufeff")
    stream.seek(0)
    delimiter = max(DELIMITERS, key=head.count)
    _check_header([one.strip().strip('"') for one in head.rstrip("\r\n").split(delimiter)], path)
    return csv_rows(stream, MAX_ORIGINAL_BYTES, CsvForm(delimiter))


def _check_header(names: Sequence[str], path: Path) -> None:
    """Refuse columns that are no field paths: without a header they would be values. Says their place alone."""
    odd = [number for number, name in enumerate(names, 1) if not all(NAME.fullmatch(one) for one in name.split("."))]
    if odd or any(kind_of_text(name) != "string" for name in names):
        which = ", ".join(map(str, odd[:5])) or "1"
        remedy = "the first line names the columns, with letters, digits and underscores"
        raise _unfit(path, f"has a header whose column {which} is no field name", remedy)


def _schema_of(stream: BinaryIO, path: Path) -> Mapping[str, Any]:
    try:
        schema = Container(stream).header().schema
    except BrokenContainerError as broken:
        raise _unfit(path, f"cannot be read: {broken}") from None
    if not isinstance(schema, dict):
        raise _unfit(path, "holds values that are no records")
    return schema


def _unfit(path: Path, message: str, remedy: str = "give another sample") -> ConfigurationError:
    return ConfigurationError(f"the sample {message}", place=path.name, remedy=remedy)
