"""Reading on: tails, view readers and lag, where topics end in markers, aborted records, or are not there."""
# ruff: noqa: PT012 - a transaction is a block

import time
import uuid

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from penstock.ops.broker.embedded import EmbeddedBroker
from penstock.schemas.errors import ConfigurationError, UnavailableError
from penstock.streams import reader as reader_module
from penstock.streams import tail as tail_module
from penstock.streams import transaction as transaction_module
from penstock.streams.lag import LagProbe
from penstock.streams.reader import TopicReader
from penstock.streams.settings import Cluster
from penstock.streams.tail import Tail
from penstock.streams.transaction import TransactionalProducer

QUICK_S = 3.0
"""Far below any patience: an end is seen, not waited for."""


def values(entries):
    """The values of what is read, at once."""
    started = time.monotonic()
    found = [entry.value for entry in entries]
    assert time.monotonic() - started < QUICK_S
    return found


def read_on(tail, *expected):
    """Look to the end until `expected` was read, and nothing else: a commit is answered before it can be read."""
    found, deadline = [], time.monotonic() + 10
    while len(found) < len(expected):
        assert time.monotonic() < deadline
        found += values(tail.to_end())
    assert found == list(expected)
    assert values(tail.to_end()) == []


# --- tails ---


@pytest.fixture
def tail_of(cluster, closing):
    return lambda topic, on=cluster, **more: closing(Tail(on, topic, **more))


def test_the_end_of_an_empty_topic_is_seen(hands, tail_of):
    tail = tail_of(hands.topic())
    assert values(tail.to_end()) == []
    assert values(tail.to_end()) == []
    assert tail.offset == -1


@pytest.mark.parametrize("commit", [True, False])
def test_the_end_is_seen_behind_markers_and_aborted_records(hands, tail_of, commit):
    topic = hands.topic()
    hands.produce(topic, b"1", b"2", commit=True)
    hands.produce(topic, b"3", commit=commit)
    tail = tail_of(topic)
    read_on(tail, *[b"1", b"2", b"3"][: 3 if commit else 2])
    assert tail.offset == (3 if commit else 1)
    hands.produce(topic, b"4", commit=True)
    read_on(tail, b"4")


def test_a_topic_of_aborted_records_only_is_at_its_end(hands, tail_of):
    topic = hands.topic()
    hands.produce(topic, b"never", b"never", commit=False)
    assert values(tail_of(topic).to_end()) == []


def test_what_lies_behind_an_open_transaction_comes_when_it_ends(hands, cluster, tail_of):
    topic = hands.topic()
    hands.produce(topic, b"1", commit=True)
    producer = Producer({"bootstrap.servers": cluster.bootstrap, "transactional.id": uuid.uuid4().hex})
    producer.list_topics(timeout=10)
    producer.init_transactions(10)
    producer.begin_transaction()
    producer.produce(topic, b"open")
    assert producer.flush(10) == 0
    hands.produce(topic, b"2", commit=True)
    tail = tail_of(topic)
    read_on(tail, b"1")
    producer.abort_transaction(10)
    read_on(tail, b"2")


def test_looking_to_the_end_and_polling_give_each_record_once_and_in_order(hands, tail_of):
    topic = hands.topic()
    tail, given, seen = tail_of(topic), [], []
    for number in range(9):
        given.append(b"%d" % number)
        hands.produce(topic, given[-1])
        if number % 3 == 0:
            seen += values(tail.to_end())
            assert seen == given
        elif number % 3 == 1:
            seen += values(tail.poll(0.2, limit=1))
    seen += values(tail.poll(0.2))
    seen += values(tail.to_end())
    assert seen == given


def test_a_tail_may_start_in_the_middle(hands, tail_of):
    topic = hands.topic()
    hands.produce(topic, b"0", b"1", None, b"3")
    tail = tail_of(topic, start=2)
    assert [(entry.offset, entry.key, entry.value) for entry in tail.to_end()] == [(2, b"k", None), (3, b"k", b"3")]


def test_a_missing_topic_is_said_to_be_missing(tail_of):
    started = time.monotonic()
    tail = tail_of(f"missing-{uuid.uuid4().hex}")
    with pytest.raises(UnavailableError, match=r"missing-.*does not exist"):
        list(tail.to_end())
    assert time.monotonic() - started < 10


def test_a_cluster_that_is_not_there_is_said_not_to_answer(tail_of, monkeypatch):
    monkeypatch.setattr(tail_module, "PATIENCE_S", 0.3)
    tail = tail_of("t", Cluster("127.0.0.1:1"))
    assert tail.poll(0.1) == []
    with pytest.raises(UnavailableError, match="could not be read"):
        list(tail.to_end())


# --- readers of views ---


@pytest.fixture
def reader_of(cluster, closing):
    return lambda topic, on=cluster, **more: closing(TopicReader(on, topic, **more))


def test_a_reader_ends_behind_aborted_tails_and_empty_partitions(hands, reader_of):
    topic = hands.topic(partitions=4)
    producer = Producer({"bootstrap.servers": hands._base["bootstrap.servers"]})
    producer.list_topics(topic, 10)
    for partition, value in ((0, b"0"), (1, b"1"), (1, b"2")):
        producer.produce(topic, value, partition=partition, headers=[("h", b"v")])
    assert producer.flush(10) == 0
    hands.produce(topic, b"never", b"never", key=b"k", commit=False)
    reader = reader_of(topic)
    assert not reader.at_end
    found = list(reader.to_end())
    assert sorted((one.partition, one.offset, one.value) for one in found) == [(0, 0, b"0"), (1, 0, b"1"), (1, 1, b"2")]
    assert {one.headers for one in found} == {(("h", b"v"),)}
    assert reader.at_end
    assert list(reader.to_end()) == []


def test_a_reader_that_follows_knows_when_it_is_behind(hands, reader_of):
    topic = hands.topic()
    hands.produce(topic, b"before")
    reader = reader_of(topic, from_end=True)
    assert list(reader.to_end()) == []
    hands.produce(topic, b"1", b"2", commit=True)
    deadline, found = time.monotonic() + 10, []
    while len(found) < 2 or not reader.at_end:
        assert time.monotonic() < deadline
        found += values(reader.poll(limit=1))
        assert len(found) == 2 or not found or not reader.at_end
    assert found == [b"1", b"2"]


def test_a_view_that_is_not_there_is_named(reader_of):
    with pytest.raises(ConfigurationError, match="missing-view"):
        reader_of("missing-view")


def test_a_reader_says_when_nobody_answers(reader_of, monkeypatch):
    monkeypatch.setattr(reader_module, "PATIENCE_S", 0.5)
    with pytest.raises(UnavailableError, match=r"127\.0\.0\.1:1"):
        reader_of("t", Cluster("127.0.0.1:1"))


# --- lag ---


def commit(cluster, group, topic, offset):
    """Commit an offset of partition 0 in a transaction, as a worker does."""
    producer = Producer({"bootstrap.servers": cluster.bootstrap, "transactional.id": uuid.uuid4().hex})
    producer.list_topics(timeout=10)
    producer.init_transactions(10)
    producer.begin_transaction()
    metadata = member(cluster, group).consumer_group_metadata()
    producer.send_offsets_to_transaction([TopicPartition(topic, 0, offset)], metadata, 10)
    return producer


def member(cluster, group):
    return Consumer({"bootstrap.servers": cluster.bootstrap, "group.id": group})


@pytest.fixture
def lane(hands, cluster, closing):
    """A topic of one partition in which a record was appended, its lane's group and a probe."""
    topic, group = hands.topic(**{"message.timestamp.type": "LogAppendTime"}), uuid.uuid4().hex
    hands.produce(topic, b"1", commit=True)
    return topic, group, closing(LagProbe(cluster, topic, group, 1))


def seconds(probe, after_s=0.0):
    return probe.seconds(int((time.time() + after_s) * 1000))


def test_lag_grows_while_nobody_works_and_is_zero_when_all_is_done_though_markers_follow(
    hands, cluster, lane, wait_until
):
    topic, group, probe = lane
    assert 0 < seconds(probe) < 5
    assert 100 <= seconds(probe, 100) < 105
    hands.produce(topic, b"never", commit=False)
    commit(cluster, group, topic, 1).commit_transaction(10)
    wait_until(lambda: seconds(probe, 100) == 0)
    hands.produce(topic, b"2")
    assert 100 <= seconds(probe, 100) < 105


def test_a_worker_killed_in_its_transaction_does_not_hide_the_lag(cluster, lane):
    topic, group, probe = lane
    worker = commit(cluster, group, topic, 1)
    assert 100 <= seconds(probe, 100) < 105
    worker.abort_transaction(10)
    assert 100 <= seconds(probe, 100) < 105


def test_an_empty_topic_has_no_lag(hands, cluster, closing):
    assert seconds(closing(LagProbe(cluster, hands.topic(partitions=3), "g", 3))) == 0


def test_lag_is_unknown_when_kafka_does_not_answer(cluster, closing, hands):
    assert closing(LagProbe(cluster, "missing", "g", 1)).seconds(0, 0.2) is None
    assert closing(LagProbe(Cluster("127.0.0.1:1"), "t", "g", 1)).seconds(0, 0.2) is None
    # One partition more than there is: an answer in part is none.
    assert closing(LagProbe(cluster, hands.topic(), "g", 2)).seconds(0, 0.3) is None


# --- a broker that stops ---


def test_what_a_stopped_broker_leaves_behind(broker_root, hands_on, monkeypatch):
    """Lag is unknown, a reader in the middle says so, and nothing that closes waits for it."""
    monkeypatch.setattr(reader_module, "PATIENCE_S", 0.5)
    monkeypatch.setattr(transaction_module, "BUDGET_S", 0.5)
    with EmbeddedBroker(broker_root) as broker:
        cluster, hands = Cluster(broker.bootstrap), hands_on(broker.bootstrap)
        topic = hands.topic(partitions=2)
        hands.produce(topic, b"1")
        probe, reader = LagProbe(cluster, topic, "g", 2), TopicReader(cluster, topic)
        producer = TransactionalProducer(cluster, "open")
        producer.init()
        assert seconds(probe) is not None
        assert values(reader.to_end()) == [b"1"]
        with pytest.raises(ValueError, match="in the block"), producer.transaction() as transaction:
            transaction.produce(topic, b"2")
            broker.kill()
            transaction.produce(topic, b"3")
            raise ValueError("in the block")
        assert probe.seconds(0, 0.2) is None
        reader._at_end.clear()
        with pytest.raises(UnavailableError, match=topic):
            list(reader.to_end())
        started = time.monotonic()
        for one in (probe, reader, producer):
            one.close()
        assert time.monotonic() - started < 3
