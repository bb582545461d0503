"""Transactions on a real broker: all or nothing, one holder an id, and what each kind of failure leads to."""
# ruff: noqa: PT012 - a transaction is a block

import itertools
import time
import uuid

import pytest
from confluent_kafka import KafkaError, KafkaException

from penstock.schemas.errors import RecordError, RoleExit, UnavailableError
from penstock.schemas.limits import MAX_RECORD_BYTES
from penstock.streams import transaction as module
from penstock.streams.settings import FRAME_BYTES, Cluster
from penstock.streams.transaction import TransactionAborted, TransactionalProducer


@pytest.fixture
def name():
    return f"tx-{uuid.uuid4().hex}"


class Interrupted(BaseException):
    """As KeyboardInterrupt: no Exception."""


class Narrow(Cluster):
    """A cluster whose producers hold a hundred records at most, and wait half a second for a topic to appear."""

    def transactional(self, transactional_id):
        narrow = {"queue.buffering.max.messages": 100, "topic.metadata.propagation.max.ms": 500}
        return {**super().transactional(transactional_id), **narrow}


# --- on the broker ---


def test_a_commit_shows_everything_at_once_and_only_then(name, producer_of, hands):
    topic, other = hands.topic(partitions=1), hands.topic(partitions=1)
    with producer_of(name).transaction() as transaction:
        transaction.produce(topic, b"1", key=b"k", headers=[("h", b"v")])
        transaction.produce(topic, None, key=b"k")
        transaction.produce(other, b"2", partition=0)
        assert hands.read(topic, 2, committed=False) == [b"1", None]
        assert hands.read(topic, 1, timeout_s=0.5) == []
    assert transaction.produced == 3
    assert hands.read(topic, 2) == [b"1", None]
    assert hands.read(other, 1) == [b"2"]


@pytest.mark.parametrize("failure", [ValueError("in the block"), Interrupted()])
def test_an_exception_aborts_and_comes_out_as_it_was(name, failure, producer_of, hands):
    topic, producer = hands.topic(), producer_of(name)
    with pytest.raises(type(failure)) as raised, producer.transaction() as transaction:
        transaction.produce(topic, b"aborted")
        assert hands.read(topic, 1, committed=False) == [b"aborted"]
        raise failure
    assert raised.value is failure
    with producer.transaction() as transaction:
        transaction.produce(topic, b"committed")
    assert hands.read(topic, 1) == [b"committed"]
    assert hands.read(topic, 2, committed=False) == [b"aborted", b"committed"]


def test_an_abort_with_much_unsent_is_quick_and_the_producer_goes_on(name, producer_of, hands):
    topic, producer = hands.topic(partitions=3), producer_of(name)
    with pytest.raises(ValueError, match="stop"), producer.transaction() as transaction:
        for number in range(50_000):
            transaction.produce(topic, b"x" * 100, partition=number % 3)
        started = time.monotonic()
        raise ValueError("stop")
    assert time.monotonic() - started < 5
    for value in (b"1", b"2"):
        with producer.transaction() as transaction:
            transaction.produce(topic, value, partition=0)
    assert hands.read(topic, 2) == [b"1", b"2"]


def test_a_fan_out_larger_than_the_clients_queue_waits_for_room(name, cluster, producer_of, hands):
    topic = hands.topic()
    with producer_of(name, Narrow(cluster.bootstrap)).transaction() as transaction:
        for number in range(5_000):
            transaction.produce(topic, b"%d" % number)
    assert hands.read(topic, 5_000) == [b"%d" % number for number in range(5_000)]


def test_a_record_too_large_leaves_its_neighbours(name, producer_of, hands):
    topic = hands.topic()
    with producer_of(name).transaction() as transaction:
        transaction.produce(topic, b"before")
        with pytest.raises(RecordError) as raised:
            transaction.produce(topic, bytes(MAX_RECORD_BYTES + FRAME_BYTES))
        transaction.produce(topic, bytes(MAX_RECORD_BYTES - 3), key=b"key")
        transaction.produce(topic, b"after")
    assert raised.value.reason == "too_large"
    assert topic in str(raised.value)
    assert [len(value) for value in hands.read(topic, 3)] == [6, MAX_RECORD_BYTES - 3, 5]


def test_a_topic_that_is_not_there_is_named(name, cluster, producer_of, hands):
    """At first the client waits for it to appear; then the transaction cannot be committed."""
    there, missing, producer = (
        hands.topic(),
        f"missing-{uuid.uuid4().hex}",
        producer_of(name, Narrow(cluster.bootstrap)),
    )
    waits_ms = cluster.transactional(name)["topic.metadata.propagation.max.ms"]
    assert waits_ms < module.BUDGET_S * 1000, "else the role ends before the topic is known to be missing"
    started = time.monotonic()
    with pytest.raises(TransactionAborted), producer.transaction() as transaction:
        transaction.produce(there, b"never")
        transaction.produce(missing, b"never")
    assert time.monotonic() - started < 10
    with pytest.raises(UnavailableError) as raised, producer.transaction() as transaction:
        transaction.produce(missing, b"never")
    assert missing in str(raised.value)
    with pytest.raises(UnavailableError), producer.transaction() as transaction:
        transaction.produce(there, b"never", partition=7)
    with producer.transaction() as transaction:
        transaction.produce(there, b"1")
    assert hands.read(there, 1) == [b"1"]


def test_who_inits_last_holds_the_id(name, producer_of, hands):
    topic = hands.topic()
    first = producer_of(name)
    with pytest.raises(RoleExit), first.transaction() as transaction:
        transaction.produce(topic, b"zombie")
        assert hands.read(topic, 1, committed=False) == [b"zombie"]
        second = producer_of(name)
    with pytest.raises(RoleExit), first.transaction():
        pass
    with second.transaction() as transaction:
        transaction.produce(topic, b"successor")
    assert hands.read(topic, 1) == [b"successor"]


def test_an_abort_that_fails_hides_no_error_and_does_not_hang(name, producer_of, hands):
    topic = hands.topic()
    first = producer_of(name)
    started = time.monotonic()
    with pytest.raises(ValueError, match="the cause"), first.transaction() as transaction:
        transaction.produce(topic, b"zombie")
        assert hands.read(topic, 1, committed=False) == [b"zombie"]
        second = producer_of(name)
        raise ValueError("the cause")
    with pytest.raises(RoleExit), first.transaction():
        pass
    assert time.monotonic() - started < 5
    with second.transaction() as transaction:
        transaction.produce(topic, b"successor")
    assert hands.read(topic, 1) == [b"successor"]


# --- scripted: what the broker seldom does ---


def error(code, **kind):
    return KafkaException(KafkaError(code, "", **kind))


TIMED_OUT = error(KafkaError._TIMED_OUT, retriable=True)
CONFLICT = error(KafkaError._CONFLICT, retriable=True)
ABORTABLE = error(KafkaError.ILLEGAL_GENERATION, txn_requires_abort=True)
FENCED = error(KafkaError._FENCED, fatal=True)


class Script:
    """A client whose calls fail as told, in order; then they succeed. An endless script goes on failing."""

    def __init__(self, **failures):
        self._failures = {call: iter(kinds) for call, kinds in failures.items()}
        self.calls = []

    def __getattr__(self, call):
        def answer(*_, **__):
            self.calls.append(call)
            failure = next(self._failures.get(call, iter(())), None)
            if failure is not None:
                raise failure

        return answer

    @property
    def steps(self):
        return [call for call in self.calls if call.endswith(("transaction", "transactions"))]


@pytest.fixture
def scripted(monkeypatch, cluster, closing):
    """`scripted(step=[failures])`: a producer over such a client, with budgets of a fifth of a second."""
    monkeypatch.setattr(module, "BUDGET_S", 0.2)
    monkeypatch.setattr(module, "INIT_S", 0.2)

    def make(**failures):
        producer = closing(TransactionalProducer(cluster, "scripted"))
        producer._producer.close()
        producer._producer = Script(**failures)
        return producer

    return make


def run(producer, offsets=()):
    with producer.transaction() as transaction:
        transaction.produce("t", b"v")
        transaction.send_offsets(offsets, None)
    return producer._producer.steps


def test_only_the_same_call_follows_a_time_out(scripted):
    client = scripted(
        commit_transaction=[TIMED_OUT, TIMED_OUT], send_offsets_to_transaction=[TIMED_OUT], begin_transaction=[]
    )
    assert run(client, ["offset"]) == [
        "begin_transaction",
        *["send_offsets_to_transaction"] * 2,
        *["commit_transaction"] * 3,
    ]


def test_an_abort_that_times_out_is_asked_for_again(scripted):
    producer = scripted(commit_transaction=[ABORTABLE], abort_transaction=[TIMED_OUT])
    with pytest.raises(TransactionAborted):
        run(producer)
    assert producer._producer.steps == ["begin_transaction", "commit_transaction", *["abort_transaction"] * 2]


@pytest.mark.parametrize("step", ["commit_transaction", "send_offsets_to_transaction"])
def test_a_step_without_an_outcome_is_never_followed_by_an_abort(scripted, step):
    producer = scripted(**{step: itertools.repeat(TIMED_OUT)})
    with pytest.raises(RoleExit):
        run(producer, ["offset"])
    assert "abort_transaction" not in producer._producer.steps


def test_an_abort_without_an_outcome_ends_the_role_and_hides_nothing(scripted):
    producer = scripted(commit_transaction=[ABORTABLE], abort_transaction=itertools.repeat(CONFLICT))
    with pytest.raises(RoleExit):
        run(producer)
    producer = scripted(abort_transaction=itertools.repeat(TIMED_OUT), begin_transaction=[None, CONFLICT])
    with pytest.raises(KeyError), producer.transaction():
        raise KeyError
    with pytest.raises(RoleExit), producer.transaction():
        pass


@pytest.mark.parametrize("step", ["commit_transaction", "send_offsets_to_transaction"])
def test_what_the_broker_refuses_for_this_transaction_is_aborted(scripted, step):
    producer = scripted(**{step: [ABORTABLE]})
    with pytest.raises(TransactionAborted):
        run(producer, ["offset"])
    assert producer._producer.steps[-1] == "abort_transaction"


@pytest.mark.parametrize("step", ["begin_transaction", "commit_transaction", "send_offsets_to_transaction", "produce"])
@pytest.mark.parametrize("failure", [FENCED, error(KafkaError._FATAL)])
def test_what_is_fatal_ends_the_role(scripted, step, failure):
    producer = scripted(**{step: [failure]})
    with pytest.raises(RoleExit):
        run(producer, ["offset"])
    assert "abort_transaction" not in producer._producer.steps


def test_init_waits_for_the_cluster_and_says_so_when_it_does_not_come(scripted):
    scripted(init_transactions=[TIMED_OUT]).init()
    with pytest.raises(UnavailableError, match="scripted"):
        scripted(init_transactions=itertools.repeat(TIMED_OUT)).init()


def test_no_offsets_are_no_request(scripted):
    assert run(scripted()) == ["begin_transaction", "commit_transaction"]
