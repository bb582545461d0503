"""A run as the bench left it: where everything lies, what went in, what the documents say, what readers see."""

import io
import json
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import fastavro
import segments
from confluent_kafka import Consumer, KafkaError, TopicPartition
from segments import Entry, Log

from penstock.schemas.lanes import lane_group

TESTS = str(Path(__file__).resolve().parents[1])
if TESTS not in sys.path:
    sys.path.insert(0, TESTS)

from oracle.documents import Documents  # noqa: E402

AUDIT, DISCLOSURES, LANES, CONTROL = "penstock.audit", "penstock.disclosures", "penstock.lanes", "penstock.control"
OFFSETS = "__consumer_offsets"
READ_S = 300.0
HEAD_BYTES = 5


class Input(NamedTuple):
    """A record of the provider topic. `event` is None where it cannot be decoded: poison."""

    offset: int
    event: dict[str, Any] | None
    at_ms: int
    value: bytes | None = None


@dataclass(frozen=True)
class Generation:
    """What one control record says: the states of agreements."""

    number: int
    statuses: Mapping[str, str]


class Codec:
    """Reads values in Confluent wire format by the schemas that the control topic brought, in physical form."""

    def __init__(self) -> None:
        self._schemas: dict[int, Any] = {}

    def bring(self, schema_id: int, schema: Any) -> None:
        if schema_id not in self._schemas:
            self._schemas[schema_id] = fastavro.parse_schema(without_logical_types(schema))

    def read(self, value: bytes | None, only: Iterable[int] | None = None) -> dict[str, Any] | None:
        """Return the record; None for anything but one whole value of a known schema."""
        schema_id = int.from_bytes(value[1:HEAD_BYTES]) if value and len(value) > HEAD_BYTES and not value[0] else -1
        if value is None or schema_id not in (self._schemas if only is None else only):
            return None
        data = io.BytesIO(value)
        data.seek(HEAD_BYTES)
        try:
            found: Any = fastavro.schemaless_reader(data, self._schemas[schema_id], None)
        except Exception:  # noqa: BLE001 - the bench spoils records in ways that a reader need not foresee
            return None
        return found if data.tell() == len(value) else None

    def write(self, schema_id: int, record: Mapping[str, Any]) -> bytes:
        out = io.BytesIO()
        fastavro.schemaless_writer(out, self._schemas[schema_id], record)
        return b"\0" + schema_id.to_bytes(HEAD_BYTES - 1) + out.getvalue()


def without_logical_types(schema: Any) -> Any:
    if isinstance(schema, Mapping):
        return {key: without_logical_types(one) for key, one in schema.items() if key != "logicalType"}
    return [without_logical_types(one) for one in schema] if isinstance(schema, list) else schema


@dataclass
class Run:
    """One run. `prefix` stands before the names of all topics that workers write: those of a copy of a run."""

    folder: Path
    said: Mapping[str, Any]
    prefix: str = ""
    codec: Codec = field(default_factory=Codec)
    generations: dict[int, Generation] = field(default_factory=dict)
    writers: set[int] = field(default_factory=set)
    view_schemas: dict[int, Any] = field(default_factory=dict)

    @classmethod
    def at(cls, folder: Path) -> "Run":
        said = json.loads((folder / "run.json").read_text())
        made = cls(folder, said, str(said.get("prefix", "")))
        for entry in made.log(CONTROL, 0).entries:
            made.take_generation(json.loads((entry.value or b"")[1:]))
        return made

    def take_generation(self, record: Mapping[str, Any]) -> None:
        for key, schema in record["contracts"][self.dataset]["writers"].items():
            self.codec.bring(int(key), schema)
            self.writers.add(int(key))
        for held in record["agreements"].values():
            self.codec.bring(held["view"]["schema_id"], held["view"]["schema"])
            self.view_schemas[held["view"]["schema_id"]] = held["view"]["schema"]
        statuses = {key: held["status"] for key, held in record["agreements"].items()}
        self.generations[record["generation"]] = Generation(record["generation"], statuses)

    @property
    def dataset(self) -> str:
        return str(self.said["dataset"])

    @property
    def topic(self) -> str:
        return str(self.said["topic"])

    @property
    def home(self) -> Path:
        """The directory of the documents; what the workers keep lies in it."""
        return self.folder / str(self.said["ecosystem"])

    @cached_property
    def documents(self) -> Documents:
        return Documents(self.home)

    @cached_property
    def agreements(self) -> list[str]:
        return sorted(key for key, text in self.documents.agreements.items() if text["dataset"] == self.dataset)

    @property
    def group(self) -> str:
        ecosystem = next(iter(self._ecosystem_id()))
        return self.prefix + lane_group(ecosystem, self.topic)

    def _ecosystem_id(self) -> Iterable[str]:
        text = (self.home / "ecosystem.yaml").read_text()
        return (line.removeprefix("id:").strip() for line in text.splitlines() if line.startswith("id:"))

    def view(self, agreement: str) -> str:
        return f"{self.prefix}view.{agreement}"

    @property
    def audit(self) -> str:
        return self.prefix + AUDIT

    @property
    def disclosures(self) -> str:
        return self.prefix + DISCLOSURES

    @property
    def quarantine(self) -> str:
        return f"{self.prefix}quarantine.{self.dataset}"

    @property
    def outputs(self) -> list[str]:
        """The topics of which one transaction's records must all be seen, or none."""
        return [*map(self.view, self.agreements), self.audit, self.disclosures, self.quarantine]

    @cached_property
    def places(self) -> dict[tuple[str, int], list[Path]]:
        return segments.folders(self.folder / one for one in self.said["segments"])

    def log(self, topic: str, partition: int) -> Log:
        return segments.log_of(topic, partition, self.places[topic, partition])

    def logs(self, topic: str) -> dict[int, Log]:
        return {number: self.log(topic, number) for name, number in sorted(self.places) if name == topic}

    def input_of(self, entry: Entry) -> Input:
        return Input(entry.offset, self.codec.read(entry.value, self.writers), entry.at_ms, entry.value)

    def journal(self) -> list[dict[str, Any]]:
        """What the bench knows that Kafka took, a line a record."""
        return [json.loads(line) for line in (self.folder / "input.jsonl").read_text().splitlines()]

    def faults(self) -> list[dict[str, Any]]:
        path = self.folder / "faults.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


Seen = dict[tuple[str, int], set[int]]
"""Offsets that a read_committed reader gets, by topic and partition."""


def seen(bootstrap: str, places: Iterable[tuple[str, int]]) -> Seen:
    """Read partitions to their end with a stock client that reads committed records only."""
    found: Seen = {place: set() for place in places}
    waiting = set(found)
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "bench.unused",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            "fetch.wait.max.ms": 20,
            "log_level": 0,
        }
    )
    deadline = time.monotonic() + READ_S
    try:
        consumer.assign([TopicPartition(topic, partition, 0) for topic, partition in waiting])
        while waiting:
            assert time.monotonic() < deadline, f"{len(waiting)} partitions do not end"
            for message in consumer.consume(10_000, 0.05):
                error = message.error()
                place = message.topic(), message.partition()
                if error is None:
                    found[place].add(message.offset())
                else:
                    assert error.code() == KafkaError._PARTITION_EOF, error
                    waiting.discard(place)
    finally:
        consumer.close()
    return found
