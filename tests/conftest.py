"""Fixtures for every test: the real broker, started once, and hands to use it with."""

import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from hypothesis import HealthCheck, settings
from tally import Tally

from penstock.ops.broker.embedded import EmbeddedBroker, install
from penstock.schemas.errors import PenstockError

# How long an example takes is the machine's affair, and whatever else it does just now: no test's verdict.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest.fixture(scope="session")
def kafka_installed() -> None:
    """Java and Kafka's jars are here; else the test is skipped, or fails under PENSTOCK_REQUIRE_ALL=1."""
    try:
        install()
    except PenstockError as error:
        if os.environ.get("PENSTOCK_REQUIRE_ALL") == "1":
            raise
        pytest.skip(f"the embedded Kafka cannot be had on this machine: {error}")


@pytest.fixture(scope="session")
def kafka(
    kafka_installed: None,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[EmbeddedBroker]:
    """A running Kafka for the session, open to all: `.bootstrap`, `.log_dirs` (raw segments), `.log` (what it logs).

    Shared: a test makes topics of its own (`hands.topic()`), never stops it, and expects others' topics in it.
    """
    with EmbeddedBroker(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@pytest.fixture
def broker_root(kafka_installed: None, tmp_path: Path) -> Path:
    """An empty directory for a broker of the test's own."""
    return tmp_path / "broker"


@pytest.fixture(scope="session")
def wait_until() -> Callable[..., None]:
    """`wait_until(condition, timeout_s=20)`: returns once `condition()` holds, fails if it does not in time."""

    def wait(condition: Callable[[], object], timeout_s: float = 20.0) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, f"it did not come about within {timeout_s} s"
            time.sleep(0.05)

    return wait


class Hands:
    """Plain client calls against one broker, with nothing of ours in between; `kafka` is where, or client settings."""

    def __init__(self, kafka: str | Mapping[str, str]) -> None:
        where = {"bootstrap.servers": kafka} if isinstance(kafka, str) else kafka
        self._base = {**where, "socket.nagle.disable": True}

    def topic(self, name: str = "", partitions: int = 1, **config: str) -> str:
        """Creates a topic (of an unused name unless one is given) and returns its name."""
        name = name or f"t{uuid.uuid4().hex[:12]}"
        admin = AdminClient(self._base)
        admin.create_topics([NewTopic(name, partitions, 1, config=config)])[name].result(30)
        return name

    def produce(self, topic: str, *values: bytes | None, key: bytes | None = b"k", commit: bool | None = None) -> None:
        """Produces `values`; with `commit` True or False in one transaction that is committed or aborted."""
        own = {} if commit is None else {"transactional.id": f"hands-{uuid.uuid4().hex}"}
        producer = Producer({**self._base, "enable.idempotence": True, **own})
        producer.list_topics(topic, 30)  # else the client looks for the topic half a second later
        if commit is not None:
            producer.init_transactions(30)
            producer.begin_transaction()
        for value in values:
            producer.produce(topic, value, key=key)
        assert producer.flush(30) == 0
        if commit is not None:
            (producer.commit_transaction if commit else producer.abort_transaction)(30)

    def read(self, topic: str, count: int, *, committed: bool = True, timeout_s: float = 30.0) -> list[bytes | None]:
        """Values from the topic's beginning: `count` of them, or those that come within `timeout_s`."""
        isolation = "read_committed" if committed else "read_uncommitted"
        own = {"group.id": uuid.uuid4().hex, "auto.offset.reset": "earliest", "enable.auto.commit": False}
        consumer = Consumer({**self._base, **own, "isolation.level": isolation})
        try:
            partitions = consumer.list_topics(topic, 30).topics[topic].partitions
            consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
            messages = consumer.consume(count, timeout_s)
            assert [m.error() for m in messages if m.error()] == []
            return [m.value() for m in messages]
        finally:
            consumer.close()


@pytest.fixture
def hands(kafka: EmbeddedBroker) -> Hands:
    """Hands on the session's broker."""
    return Hands(kafka.bootstrap)


@pytest.fixture(scope="session")
def hands_on() -> type[Hands]:
    """For a broker of the test's own: `hands_on(broker.bootstrap)`, or with a client's settings."""
    return Hands


_kept = os.environ.get("PENSTOCK_TEST_TALLY")
_tally = Tally()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Count each phase of a test."""
    _tally.add(report)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say where the time went, folder by folder, or leave that to whoever sums up runs."""
    if _kept:
        _tally.keep(Path(_kept))
        return
    terminalreporter.section("time")
    for line in _tally.table():
        terminalreporter.write_line(line)
