"""A request that reaches the broker late must not decide about another transaction (reliability of EndTxn before v5).

The client sends EndTxn again over a new connection when the first copy got no answer. Should that copy arrive while the
next transaction is open, the broker takes it for that one's end.
"""
# ruff: noqa: PT012 - a transaction is a block

import uuid

import pytest
from kafka_proxy import end_of_transaction

from penstock.schemas.errors import RoleExit
from penstock.streams import transaction as module
from penstock.streams.refusals import Refusals, Witness
from penstock.streams.settings import Cluster
from penstock.streams.transaction import TransactionalProducer


class Line:
    """A topic, and producers of one transactional id whose connections go through the proxy."""

    def __init__(self, guarded, hands, closing):
        self.proxy = guarded.proxy
        self.cluster = Cluster(guarded.bootstrap("PROXIED"))
        self.name = f"late-{uuid.uuid4().hex}"
        self.topic = hands.topic()
        self._hands = hands
        self._closing = closing

    def producer(self, kind=Cluster):
        producer = self._closing(TransactionalProducer(kind(self.cluster.bootstrap), self.name))
        producer.init()
        return producer

    def commit(self, producer, value):
        with producer.transaction() as transaction:
            transaction.produce(self.topic, value)

    def commit_while_the_connection_breaks(self, producer, value):
        """EndTxn is on its way when that happens; the client mends it silently."""
        self.proxy.keep_first(end_of_transaction, cut=True)
        self.commit(producer, value)
        assert self.proxy.kept.is_set()

    def abort_while_the_late_request_arrives(self, producer):
        with pytest.raises((ValueError, RoleExit)), producer.transaction() as transaction:
            transaction.produce(self.topic, b"must be aborted")
            assert transaction._producer.flush(10) == 0
            self.proxy.deliver()
            raise ValueError

    def read(self, count):
        return self._hands.read(self.topic, count, timeout_s=3)


@pytest.fixture
def line(guarded, hands_on, closing):
    return Line(guarded, hands_on(guarded.broker.bootstrap), closing)


def test_the_danger_is_real(line):
    """Without our guard a late EndTxn commits what must be aborted. Fails once client and broker speak EndTxn v5."""
    producer = line.producer()
    line.commit_while_the_connection_breaks(producer, b"1")
    producer._witness = Witness(Refusals())  # deaf: it is not the one that the client tells
    line.abort_while_the_late_request_arrives(producer)
    assert line.read(2) == [b"1", b"must be aborted"]


def test_after_a_connection_broke_only_a_fresh_incarnation_goes_on(line):
    producer = line.producer()
    line.commit_while_the_connection_breaks(producer, b"1")
    with pytest.raises(RoleExit, match="the connection broke"), producer.transaction():
        pass
    fresh = line.producer()
    line.abort_while_the_late_request_arrives(fresh)
    line.commit(fresh, b"2")
    assert line.read(2) == [b"1", b"2"]


class Hasty(Cluster):
    """A cluster whose clients give a connection up after 1.9 s."""

    def transactional(self, transactional_id):
        return {**super().transactional(transactional_id), "transaction.timeout.ms": 2_000}


def test_a_commit_without_an_answer_ends_the_role_before_the_client_asks_again(line, monkeypatch):
    """A step's budget ends before socket.timeout.ms here, as it does outside."""
    socket_timeout_s = Cluster("").transactional("")["transaction.timeout.ms"] / 1000 - 0.1
    assert socket_timeout_s > module.BUDGET_S
    monkeypatch.setattr(module, "BUDGET_S", 1.2)
    producer = line.producer(Hasty)
    line.proxy.keep_first(end_of_transaction, cut=False)
    with pytest.raises(RoleExit, match="did not finish"):
        line.commit(producer, b"unknown")
    assert producer._witness.broke_at < 0, "the client has not asked again"
    fresh = line.producer()
    line.abort_while_the_late_request_arrives(fresh)
    line.commit(fresh, b"2")
    assert line.read(1) == [b"2"]


def test_an_idle_connection_that_broke_is_no_matter(line):
    producer = line.producer()
    line.commit(producer, b"1")
    producer._witness.log(20, "%s [%s] %s", "FAIL", "client", "Disconnected (after 5ms in state UP)")
    producer._witness.broke_at -= module.QUIET_S + 1
    line.commit(producer, b"2")
    producer._witness.log(
        20, "%s [%s] %s", "FAIL", "client", "Connect to 127.0.0.1:1 failed (after 0ms in state CONNECT)"
    )
    line.commit(producer, b"3")
    assert line.read(3) == [b"1", b"2", b"3"]
