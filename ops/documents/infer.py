"""`contract infer`: from a sample to a data contract in draft, as a pair of files that a person completes."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...schemas.avro_paths import leaves
from ...schemas.errors import ConfigurationError
from .infer_avro import Draft, pascal
from .infer_odcs import Page, odcs_text
from .infer_sample import Sample
from .infer_shape import Shape


@dataclass(frozen=True, slots=True)
class Drafted:
    """A contract in draft: two texts, and what was seen, in numbers. No value of the sample is in any of it."""

    id: str
    odcs: str
    avsc: str
    records: int
    unreadable: int
    fields: int
    left_out: int


def draft(sample: Sample, dataset: str, provider: str = "") -> Drafted:
    """Return the draft of a sample. Raises DocumentError for an Avro schema that no dataset can have."""
    making = Draft(text=sample.text)
    schema = sample.schema or making.schema(sample.shape, pascal(dataset))
    page = Page(
        dataset, provider, frozenset(_distinct(sample.shape, "")), making.notes, drops_unknown=making.dropped > 0
    )
    known = leaves(schema)
    text = json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
    return Drafted(
        dataset, odcs_text(page, schema), text, sample.records, sample.unreadable, len(known), making.dropped
    )


def write(made: Drafted, directory: Path) -> tuple[Path, Path]:
    """Write both files; nothing is overwritten. Raises ConfigurationError when one is there."""
    paths = directory / f"{made.id}.odcs.yaml", directory / f"{made.id}.avsc"
    there = [path.name for path in paths if path.exists()]
    if there:
        raise ConfigurationError(
            f"{' and '.join(there)} is there already", place=str(directory), remedy="give --out or --id another value"
        )
    directory.mkdir(parents=True, exist_ok=True)
    for path, text in zip(paths, (made.odcs, made.avsc), strict=True):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    return paths


def slug(text: str) -> str:
    """Return an id made of a file's or topic's name."""
    made = re.sub(r"[^a-z0-9]+", "-", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", text).lower()).strip("-")[:63].strip("-")
    return made or "dataset"


def _distinct(shape: Shape, path: str) -> Iterator[str]:
    for name, inner in shape.fields.items():
        below = f"{path}.{name}" if path else name
        if inner.distinct and not inner.absent:
            yield below
        yield from _distinct(inner, below)


def as_row(made: Drafted, paths: tuple[Path, Path]) -> Mapping[str, Any]:
    """Return what `--json` prints."""
    return {
        "id": made.id,
        "contract": str(paths[0]),
        "schema": str(paths[1]),
        "records": made.records,
        "unreadable": made.unreadable,
        "fields": made.fields,
        "left_out": made.left_out,
    }
