"""An ecosystem whose Kafka and gateway run, and attempts at its Kafka by whoever a test says."""

import contextlib
import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from ecosystem import Ecosystem, cli, make, until

from penstock.ops.access.credentials import leave_for
from penstock.ops.broker.probe import broker_answers
from penstock.ops.documents.load import one_document
from penstock.ops.documents.register_key import register_key
from penstock.ops.in_force import generation_in_force
from penstock.ops.processes import read_status
from penstock.ops.recipient_keys import RecipientKey, new_key
from penstock.ops.wiring import Wiring
from penstock.schemas.charter import Charter
from penstock.schemas.generation import Generation
from penstock.streams.access import AccessAdmin

log = logging.getLogger(__name__)
WAIT_S = 30.0
SINCE, UNTIL = datetime(2026, 1, 1, tzinfo=UTC), datetime(2099, 1, 1, tzinfo=UTC)
QUIET = {"log_level": 0, "socket.nagle.disable": True, "reconnect.backoff.max.ms": 500}
LET_IN = ""
NOT_LET_IN = "_AUTHENTICATION"

Attempt = tuple[str, str]
"""What was tried and on what: describe, read, write (a topic), group, transaction."""
Outcomes = dict[Attempt, str]
"""LET_IN, or Kafka's name for the refusal."""


@dataclass
class AccessWorld:
    """`ecosystem` runs with broker and gateway, no workers: what lies on a topic stays.

    Tests note in `terminated` and `suspended` which agreements they ended.
    """

    ecosystem: Ecosystem
    terminated: set[str] = field(default_factory=set)
    suspended: set[str] = field(default_factory=set)
    keys: dict[str, RecipientKey] = field(default_factory=dict)

    @classmethod
    @contextlib.contextmanager
    def running(cls, directory: Path) -> Iterator["AccessWorld"]:
        made = cls(make(directory))
        made.seal()
        with made.ecosystem.role("broker"):
            until(lambda: broker_answers(made._bootstrap()), "Kafka does not run")
            with made.ecosystem.role("gateway"):
                until(lambda: read_status(made.ecosystem.run / "gateway.json"), "the gateway does not run")
                made.apply()
                leave_for(made.wiring, sorted(made.members))
                yield made

    def seal(self) -> None:
        """Let every member have a sealing key, in `keys`, and the charter name it."""
        for member in one_document(self.ecosystem.directory, "charter", Charter).members:
            path = self.ecosystem.directory / f"{member.id}.key"
            self.keys[member.id] = key = new_key(member.id, f"of-{member.id}", path)
            register_key(self.ecosystem.directory, member.id, key.registered(SINCE, UNTIL))

    def _bootstrap(self) -> str:
        return str((read_status(self.ecosystem.run / "broker.json") or {}).get("bootstrap", "127.0.0.1:1"))

    def apply(self) -> None:
        done = cli("apply", str(self.ecosystem.directory), "--unsigned")
        assert done.code == 0, done.err

    @cached_property
    def wiring(self) -> Wiring:
        return Wiring(self.ecosystem.directory)

    @cached_property
    def admin(self) -> AccessAdmin:
        return AccessAdmin(self.wiring.cluster())

    @cached_property
    def generation(self) -> Generation:
        return generation_in_force(self.wiring)

    @property
    def members(self) -> list[str]:
        return [one.id for one in self.generation.charter.members]

    def settings(self, principal: str) -> dict[str, Any]:
        return {**self.ecosystem.client(principal), **QUIET}

    def plan(self) -> list[dict[str, Any]]:
        """Return what `penstock plan --json` says."""
        return json.loads(cli("plan", str(self.ecosystem.directory), "--json").out)


class Caller:
    """A stock client's attempts with one set of settings. Each ends by Kafka's word, never by a clock."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = {**settings, **QUIET}
        self._refused = ""

    def attempt(
        self, topics: list[str], groups: list[str], transactions: list[str], leave: Iterable[Attempt] = ()
    ) -> Outcomes:
        """Try everything but what to `leave`; who is not let in at all is told so once for all."""
        left = set(leave)
        admin = AdminClient({**self._settings, "error_cb": self._hear})
        if not self._comes_in(admin):
            return dict.fromkeys(_all(topics, groups, transactions), NOT_LET_IN)
        writable = [one for one in topics if ("write", one) not in left]
        seen = {one: _describe(admin, one) for one in topics}
        return {
            **{("describe", one): outcome for one, outcome in seen.items()},
            # A client does not ask for records of a topic that it is refused to see.
            **{("read", one): outcome for one, outcome in seen.items() if outcome != LET_IN},
            **{("read", one): outcome for one, outcome in self.read(_let_in(seen)).items()},
            **{("write", one): outcome for one, outcome in self.write(writable).items()},
            **{("group", one): _group(admin, one) for one in groups},
            **{("transaction", one): self.take(one) for one in transactions if ("transaction", one) not in left},
        }

    def _hear(self, error: KafkaError) -> None:
        # Who speaks without SASL is hung up on without a word, again and again.
        if error.name() in {"_AUTHENTICATION", "_ALL_BROKERS_DOWN"}:
            self._refused = error.name()

    def _comes_in(self, admin: AdminClient) -> bool:
        def answered() -> bool:
            with contextlib.suppress(KafkaException):
                admin.list_topics(timeout=0.5)
                return True
            admin.poll(0)
            return bool(self._refused)

        until(answered, "Kafka says nothing", WAIT_S)
        return not self._refused

    def read(self, topics: list[str]) -> dict[str, str]:
        """Read each topic's first record, or reach its end."""
        consumer = Consumer(
            {**self._settings, "group.id": self._group(), "enable.partition.eof": True, "fetch.wait.max.ms": 20}
        )
        told: dict[str, str] = {}

        def heard() -> bool:
            message = consumer.poll(0.2)
            if message is not None and message.topic():
                error = message.error()
                name = error.name() if error else ""
                told.setdefault(message.topic(), "" if name == "_PARTITION_EOF" else name)
            return told.keys() >= set(topics)

        if not topics:
            return {}
        try:
            consumer.assign([TopicPartition(topic, 0, 0) for topic in topics])
            until(heard, "topics say nothing", WAIT_S)
        finally:
            consumer.close()
        return told

    def write(self, topics: list[str]) -> dict[str, str]:
        """Produce one record to each topic."""
        producer = Producer({**self._settings, "linger.ms": 0})
        told: dict[str, str] = {}
        for topic in topics:
            producer.produce(
                topic,
                b"x",
                key=b"k",
                on_delivery=lambda error, sent: told.update({sent.topic(): error.name() if error else ""}),
            )
        until(lambda: producer.flush(0.2) == 0, "records are neither taken nor refused", WAIT_S)
        return told

    def take(self, transactional_id: str) -> str:
        """Take a transactional id over, which fences its holder."""
        producer = Producer({**self._settings, "transactional.id": transactional_id}, logger=log)
        told: list[str] = []

        def taken() -> bool:
            try:
                producer.init_transactions(1.0)
            except KafkaException as failure:
                error: KafkaError = failure.args[0]
                told.extend([] if error.retriable() else [error.name()])
            else:
                told.append(LET_IN)
            return bool(told)

        until(taken, f"no answer about {transactional_id}", WAIT_S)
        return told[0]

    def _group(self) -> str:
        user = str(self._settings.get("sasl.username", ""))
        return f"{user.removeprefix('member.')}.tests" if user.startswith("member.") else "penstock.unused"


def _let_in(outcomes: Mapping[str, str]) -> list[str]:
    return [one for one, outcome in outcomes.items() if outcome == LET_IN]


def _all(topics: list[str], groups: list[str], transactions: list[str]) -> Iterator[Attempt]:
    yield from ((kind, one) for kind in ("describe", "read", "write") for one in topics)
    yield from (("group", one) for one in groups)
    yield from (("transaction", one) for one in transactions)


def _describe(admin: AdminClient, topic: str) -> str:
    found = admin.list_topics(topic, timeout=WAIT_S).topics[topic].error
    return found.name() if found else LET_IN


def _group(admin: AdminClient, group: str) -> str:
    """Ask for a group's offsets. Who may read in a group may do this; so who may not do this may not read in it."""
    future = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])[group]
    try:
        future.result(WAIT_S)
    except KafkaException as failure:
        return str(failure.args[0].name())
    return LET_IN
