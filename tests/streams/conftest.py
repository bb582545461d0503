"""Clusters, producers and runners that a test need not put away itself."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from copying_line import Line
from guarded_broker import GuardedBroker, start

from penstock.ops.broker.embedded import EmbeddedBroker
from penstock.streams.settings import Cluster
from penstock.streams.transaction import TransactionalProducer


@pytest.fixture(scope="session")
def cluster(kafka: EmbeddedBroker) -> Cluster:
    """The session's broker as our clients know it."""
    return Cluster(kafka.bootstrap)


@pytest.fixture
def closing() -> Iterator[Callable[[Any], Any]]:
    """`closing(thing)` returns `thing` and closes it when the test is over."""
    things: list[Any] = []

    def keep(thing: Any) -> Any:
        things.append(thing)
        return thing

    yield keep
    for thing in reversed(things):
        thing.close()


@pytest.fixture
def line(cluster: Cluster, hands: Any, closing: Callable[[Any], Any]) -> Line:
    """A lane that copies records on the session's broker."""
    return Line(cluster, hands, closing)


@pytest.fixture
def producer_of(cluster: Cluster, closing: Callable[[Any], Any]) -> Callable[..., TransactionalProducer]:
    """`producer_of(transactional_id)`: a producer that has taken its id over."""

    def make(transactional_id: str, on: Cluster = cluster) -> TransactionalProducer:
        producer = closing(TransactionalProducer(on, transactional_id))
        producer.init()
        return producer

    return make


@pytest.fixture(scope="session")
def guarded(kafka_installed: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedBroker]:
    """A broker of this folder's own that asks who one is, with one listener behind a proxy."""
    broker = start(tmp_path_factory.mktemp("guarded"))
    yield broker
    broker.stop()
