"""`penstock contract infer`: where samples come from, a file or a topic of the ecosystem's Kafka."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..connectors.files.ndjson_rows import object_row
from ..connectors.files.rows import Line, Row
from ..schemas.confluent_wire import claimed_schema_id
from ..schemas.errors import ConfigurationError
from .cli.common import say
from .documents.infer_sample import Sample, sample_file
from .documents.infer_shape import Shape

EVERY_S = 1.0


class Ticker:
    """Tells a person once a second how far it is."""

    def __init__(self) -> None:
        self._next = time.monotonic() + EVERY_S

    def __call__(self, number: int) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + EVERY_S
            say(f"{number:,} records")


def sample_of(what: str, directory: Path, most: int) -> Sample:
    """Return the sample of a file, or of a topic of the ecosystem in `directory` where there is no such file."""
    path = Path(what)
    if path.is_file():
        return sample_file(path, most, Ticker())
    if not (directory / "ecosystem.yaml").exists():
        raise ConfigurationError(
            f"there is no file `{path.name}`, and no ecosystem whose topic it could be",
            place=str(directory),
            remedy="name a file, or a topic with --in DIR",
        )
    from .wiring import Wiring

    return sample_topic(what, Wiring(directory), most)


def sample_topic(topic: str, wiring: Any, most: int) -> Sample:
    """Return the sample of a topic: its registered schema where values are framed Avro, else the shape of its JSON.

    Raises ConfigurationError when it holds neither.
    """
    from ..streams.reader import TopicReader

    reader = TopicReader(wiring.cluster(), topic)
    try:
        values = _values(reader, most)
    finally:
        reader.close()
    framed = [found for value in values if (found := claimed_schema_id(value)) is not None]
    sample = Sample(Shape())
    if framed:
        sample.schema, sample.records = _registered(wiring, framed[-1]), len(framed)
    else:
        sample.take(_rows(values), Ticker())
    if not sample.records:
        raise ConfigurationError(
            "the topic holds no JSON object and no framed Avro", place=topic, remedy="name another topic"
        )
    return sample


def _values(reader: Any, most: int) -> list[bytes]:
    values: list[bytes] = []
    while not reader.at_end and len(values) < most:
        values += [one.value for one in reader.poll(limit=most - len(values)) if one.value]
    return values


def _rows(values: list[bytes]) -> Iterator[Row]:
    return (object_row(Line(value, len(value))) for value in values)


def _registered(wiring: Any, schema_id: int) -> dict[str, Any]:
    found = wiring.registry().schema(schema_id)
    if not isinstance(found, dict):
        raise ConfigurationError(f"the registry knows no schema {schema_id}", remedy="is it the topic's registry?")
    parsed: dict[str, Any] = json.loads(json.dumps(found))
    return parsed
