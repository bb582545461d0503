"""Reads an ecosystem with stock Kafka clients and holds what it did against the oracle, transaction by transaction.

Every committed audit record says which records of the provider topic it dealt with, under which generation and which
consents. So what must have been released follows for each of them, whatever moment a change came at.
"""

import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any, Self
from uuid import UUID

from confluent_kafka import Consumer, KafkaError, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext, SerializationError
from ecosystem import Ecosystem, until
from oracle import Encrypted, Noised, Pseudonym, Rekeyed, decide, disagreements
from oracle.documents import Documents
from oracle.view import at

from penstock.ops.wiring import Wiring
from penstock.processors.keys import subject_reference

EPOCH, EPOCH_DAY = datetime(1970, 1, 1, tzinfo=UTC), date(1970, 1, 1)

Topic = dict[int, list["Record"]]
"""Records by partition, in order."""


@dataclass(frozen=True)
class Record:
    """A record as a stock consumer gives it; `value` decoded where there is a decoder."""

    offset: int
    key: bytes | None
    value: Any
    headers: tuple[tuple[str, bytes], ...] = ()


def consumer(kafka: Mapping[str, str], *, committed: bool = True) -> Consumer:
    return Consumer(
        {
            **kafka,
            "group.id": "walk.unused",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 20,
            "isolation.level": "read_committed" if committed else "read_uncommitted",
            "log_level": 0,
        }
    )


class Stock:
    """A stock consumer that reads whole topics, and Confluent's own deserializer for those in Avro."""

    def __init__(self, kafka: Mapping[str, str], registry: str = "http://none", *, committed: bool = True) -> None:
        self._consumer = consumer(kafka, committed=committed)
        self._topics = self._consumer.list_topics(timeout=20).topics
        self._client = SchemaRegistryClient({"url": registry})
        self._deserializer = AvroDeserializer(self._client)

    def topics(self) -> list[str]:
        return sorted(self._topics)

    def read(self, topic: str, decoded: Callable[[bytes | None], Any] = lambda value: value) -> Topic:
        """Return every record of a topic, up to the end of each partition."""
        waiting = set(self._topics[topic].partitions)
        found: Topic = {partition: [] for partition in sorted(waiting)}
        self._consumer.assign([TopicPartition(topic, one, 0) for one in waiting])
        deadline = time.monotonic() + 30
        while waiting:
            assert time.monotonic() < deadline, f"{topic} does not end"
            for message in self._consumer.consume(2_000, 0.02):
                if message.error() is None:
                    value = decoded(message.value())
                    found[message.partition()].append(
                        Record(message.offset(), message.key(), value, tuple(message.headers() or ()))
                    )
                else:
                    assert message.error().code() == KafkaError._PARTITION_EOF, message.error()
                    waiting.discard(message.partition())
        return found

    def own(self, topic: str) -> list[Record]:
        """Return the records of one of Penstock's own topics: a version byte, then JSON."""
        (records,) = self.read(topic, lambda value: json.loads(value[1:]) if value else None).values()
        return records

    def avro(self, topic: str) -> Topic:
        """Return the records of a topic in Avro, values in physical form; None: not Avro."""
        context = SerializationContext(topic, MessageField.VALUE)

        def decoded(value: bytes | None) -> Any:
            try:
                return physical(self._deserializer(value, context))
            except (SerializationError, EOFError):
                return None

        return self.read(topic, decoded)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()
        self._client._rest_client.session.close()


def physical(value: Any) -> Any:
    """Return a value as Avro stores it; the example's times are all milliseconds."""
    if isinstance(value, Mapping):
        return {key: physical(item) for key, item in value.items()}
    if isinstance(value, list):
        return [physical(item) for item in value]
    if isinstance(value, datetime):
        return (value - EPOCH) // timedelta(milliseconds=1)
    if isinstance(value, date):
        return (value - EPOCH_DAY).days
    return str(value) if isinstance(value, UUID) else value


class AuditTail:
    """Follows the audit log, so that a test waits for what is committed and not for a clock."""

    def __init__(self, kafka: Mapping[str, str]) -> None:
        self.records: list[dict[str, Any]] = []
        self._consumer = consumer(kafka)
        self._consumer.assign([TopicPartition("penstock.audit", 0, 0)])

    def processed(self, dataset: str | None = None) -> int:
        """Return how many records the exchange has dealt with, of one dataset or of all."""
        return sum(
            records
            for one in self._poll()
            if one["kind"] == "exchange" and dataset in {None, one["dataset"]}
            for _, _, records in one["inputs"].values()
        )

    def published(self) -> int:
        return sum(one["published"] for one in self._poll() if one["kind"] == "publisher")

    def refused(self) -> int:
        return sum(one["quarantined"] for one in self._poll() if one["kind"] == "publisher")

    def wait_processed(self, number: int, timeout_s: float = 60.0) -> None:
        until(lambda: self.processed() >= number, f"{number} records dealt with, not {self.processed()}", timeout_s)

    def _poll(self) -> list[dict[str, Any]]:
        for message in self._consumer.consume(1_000, 0.02):
            if message.error() is None:
                self.records.append(json.loads(message.value()[1:]))
        return self.records

    def close(self) -> None:
        self._consumer.close()


@dataclass
class Generation:
    """What one generation says: the documents as they were, and what was suspended or ended."""

    documents: Documents
    statuses: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Verdict:
    """What came of judging. `counts`: by agreement, `released` and the reasons, as the oracle has them."""

    problems: list[str] = field(default_factory=list)
    counts: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    views: dict[str, Topic] = field(default_factory=dict)
    expected: dict[str, dict[int, list[Any]]] = field(default_factory=dict)

    def say(self, problem: str) -> None:
        self.problems.append(problem)


def judge(ecosystem: Ecosystem, generations: Mapping[int, Generation]) -> Verdict:
    """Hold everything that the ecosystem ever released, withheld and told against the oracle."""
    with Stock(ecosystem.client(), ecosystem.registry) as stock:
        return _Court(ecosystem, generations, stock).sit()


class _Court:
    def __init__(self, ecosystem: Ecosystem, generations: Mapping[int, Generation], stock: Stock) -> None:
        self.stock = stock
        self.generations = generations
        self.secret = Wiring(ecosystem.directory).key_store().reference_secret()
        self.verdict = Verdict()
        everywhere = [one.documents for one in generations.values()]
        contracts = {dataset: contract for one in everywhere for dataset, contract in one.contracts.items()}
        self.agreements = {key: text for one in everywhere for key, text in one.agreements.items()}
        self.topics = {
            dataset: f"{text['provider']}.{dataset}.v1"
            for text in self.agreements.values()
            for dataset in [text["dataset"]]
        }
        self.contracts = contracts
        self.provided = {dataset: stock.avro(topic) for dataset, topic in self.topics.items()}
        self.consents = Consents(stock, self.secret, self._people())
        self.told: dict[str, tuple[str, dict[str, str]]] = {}  # by source: to whom what must be told
        self.due: dict[str, dict[int, dict[int, Any]]] = defaultdict(lambda: defaultdict(dict))

    def _people(self) -> set[str]:
        return {
            self.subject(dataset, record.value) or ""
            for dataset, topic in self.provided.items()
            for records in topic.values()
            for record in records
            if record.value is not None
        }

    def subject(self, dataset: str, event: Any) -> str | None:
        """Return whose data an event is, None for nobody's."""
        path = self.contracts[dataset].data_subject
        return None if path is None else str(at(event, path))

    def sit(self) -> Verdict:
        audits = [one.value for one in self.stock.own("penstock.audit")]
        done: dict[tuple[str, int], list[tuple[int, int]]] = defaultdict(list)
        for audit in audits:
            if audit["kind"] == "exchange":
                self.transaction(audit, done)
        self.every_record_once(done)
        self.published(audits)
        self.views()
        self.disclosures()
        return self.verdict

    def transaction(self, audit: dict[str, Any], done: dict[tuple[str, int], list[tuple[int, int]]]) -> None:
        """One transaction's account: its counts are those that follow for its records."""
        dataset, counts = audit["dataset"], defaultdict(Counter)
        generation = self.generations[audit["generation"]]
        consents = self.consents.as_of(audit["consent_offset"])
        refused = 0
        for text, (first, end, number) in audit["inputs"].items():
            partition = int(text)
            done[dataset, partition].append((first, end))
            records = [one for one in self.provided[dataset][partition] if first <= one.offset < end]
            if len(records) != number:
                self.verdict.say(
                    f"audit: {dataset}/{partition} {first}-{end} holds {len(records)} records, not {number}"
                )
            for record in records:
                if record.value is None:
                    refused += 1
                else:
                    self.event(audit, generation, consents, (partition, record), counts)
        said = {
            key: Counter({"released": one["released"]}) + Counter(one["withheld"])
            for key, one in audit["agreements"].items()
        }
        wanted = {key: counts[key] for key in said}
        if said != wanted or counts.keys() - said.keys() or audit["refused"] != refused:
            self.verdict.say(f"audit of generation {audit['generation']}: {said}, wants {wanted}")

    def event(
        self,
        audit: dict[str, Any],
        generation: Generation,
        consents: set[tuple[str, str]],
        place: tuple[int, Record],
        counts: dict[str, Counter[str]],
    ) -> None:
        dataset, (partition, record) = audit["dataset"], place
        self.verdict.events.append((dataset, record.value))
        source = f"{self.topics[dataset]}/{partition}/{record.offset}"
        told: dict[str, str] = {}
        subject = self.subject(dataset, record.value)
        if subject is not None:
            _, told = self.told.setdefault(source, (subject, told))
        for key, text in generation.documents.agreements.items():
            if text["dataset"] != dataset:
                continue
            outcome, what = decide(
                generation.documents, key, record.value, audit["decided_at_ms"], consents, generation.statuses
            )
            result = what if outcome == "withheld" else "released"
            counts[key][result] += 1
            self.verdict.counts[key][result] += 1
            told[key] = result
            if outcome == "released":
                self.due[key][partition][record.offset] = what

    def every_record_once(self, done: dict[tuple[str, int], list[tuple[int, int]]]) -> None:
        """No record of a provider topic was dealt with twice, and none was left out."""
        for dataset, topic in self.provided.items():
            for partition, records in topic.items():
                spans = sorted(done[dataset, partition])
                if any(second[0] < first[1] for first, second in pairwise(spans)):
                    self.verdict.say(f"{dataset}/{partition}: some record was dealt with twice: {spans}")
                left = [one.offset for one in records if not any(first <= one.offset < end for first, end in spans)]
                if left:
                    self.verdict.say(f"{dataset}/{partition}: {len(left)} records were dealt with by none, {left[:3]}")

    def published(self, audits: list[dict[str, Any]]) -> None:
        """What publishers say they put on a provider topic lies there; records without a publisher are the test's."""
        said: Counter[str] = Counter()
        for audit in audits:
            if audit["kind"] == "publisher":
                said[audit["dataset"]] += audit["published"]
        for dataset, topic in self.provided.items():
            there = sum(record.value is not None for records in topic.values() for record in records)
            if there != said[dataset]:
                self.verdict.say(f"{dataset}: publishers account for {said[dataset]} records, {there} are there")

    def views(self) -> None:
        for key, text in self.agreements.items():
            topic = self.stock.avro(f"view.{key}")
            self.verdict.views[key] = topic
            names = Names(key)
            for partition, records in topic.items():
                due = self.due[key][partition]
                wanted = [due[offset] for offset in sorted(due)]
                self.verdict.expected.setdefault(key, {})[partition] = wanted
                if len(records) != len(wanted):
                    self.verdict.say(f"view.{key}/{partition}: {len(records)} records, wants {len(wanted)}")
                for one, tree in zip(records, wanted, strict=False):
                    place = f"view.{key}/{partition}/{one.offset}"
                    self.verdict.problems += [f"{place}: {said}" for said in disagreements(tree, one.value)]
                    self.verdict.problems += [f"{place}: {said}" for said in names.conflicts(tree, one.value)]
                    if one.headers:
                        self.verdict.say(f"{place}: has headers")
                    self.key(place, text, one)

    def key(self, place: str, text: Any, record: Record) -> None:
        """A view's key is what the view itself shows of the record key: the value, a pseudonym, or nothing."""
        path = self.contracts[text["dataset"]].record_key
        shown = path is not None and text["fields"][path]["do"] in {"pass", "pseudonymise"}
        wanted = str(at(record.value, path)).encode() if shown else None
        if record.key != wanted:
            self.verdict.say(f"{place}: the key is not the view's own")

    def disclosures(self) -> None:
        """For each event, what its data subject will be told: once, and what happened."""
        told = dict(self.told)
        for record in self.stock.own("penstock.disclosures"):
            said = record.value
            subject, decisions = told.pop(said["source"], ("", {}))
            if not subject:
                self.verdict.say(f"disclosure {record.offset}: {said['source']} was told before, or is no event")
            elif record.key != subject_reference(self.secret, subject) or said["subject"] != record.key.hex():
                self.verdict.say(f"disclosure {record.offset} is for somebody else")
            elif said["decisions"] != decisions:
                self.verdict.say(f"disclosure of {said['source']}: {said['decisions']}, wants {decisions}")
        if told:
            self.verdict.say(f"{len(told)} events were told to nobody")


class Consents:
    """Whose consent stood, as of any offset of the consent topic."""

    def __init__(self, stock: Stock, secret: bytes, people: set[str]) -> None:
        named = {subject_reference(secret, one).hex(): one for one in people}
        self._log = [
            (record.offset, (record.value["agreement"], named.get(record.value["subject"], "")), record.value["given"])
            for record in stock.own("penstock.consents")
        ]

    def as_of(self, offset: int) -> set[tuple[str, str]]:
        given: set[tuple[str, str]] = set()
        for place, who, yes in self._log:
            if place <= offset:
                (given.add if yes else given.discard)(who)
        return given


class Names:
    """In an agreement, one person has one pseudonym and no two share one; event ids likewise."""

    def __init__(self, agreement: str) -> None:
        self._agreement = agreement
        self._shown: dict[tuple[type, str], str] = {}
        self._behind: dict[tuple[type, str], str] = {}

    def conflicts(self, wanted: Any, found: Any) -> Iterator[str]:
        for tree, shown in leaves(wanted, found):
            if isinstance(tree, Pseudonym | Rekeyed):
                kind, real = type(tree), tree.subject if isinstance(tree, Pseudonym) else tree.event_id
                if self._shown.setdefault((kind, real), shown) != shown:
                    yield f"{kind.__name__}: one has two names"
                if self._behind.setdefault((kind, shown), real) != real:
                    yield f"{kind.__name__}: two share a name"


def leaves(wanted: Any, found: Any) -> Iterator[tuple[Any, Any]]:
    """Yield what is wanted and what is there, leaf by leaf, of two trees of one shape."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        for name in wanted.keys() & found.keys():
            yield from leaves(wanted[name], found[name])
    elif isinstance(wanted, list) and isinstance(found, list):
        for one, other in zip(wanted, found, strict=False):
            yield from leaves(one, other)
    else:
        yield wanted, found


def comparable(wanted: Any) -> bool:
    return not isinstance(wanted, Encrypted | Noised | Pseudonym | Rekeyed)


def opened(wanted: Any) -> Any:
    """Return an expected view as its recipient reads it: encrypted fields are the originals."""
    if isinstance(wanted, dict):
        return {name: opened(item) for name, item in wanted.items()}
    if isinstance(wanted, list):
        return [opened(item) for item in wanted]
    return wanted.original if isinstance(wanted, Encrypted) else wanted
