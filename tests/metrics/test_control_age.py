"""How long ago a role last knew the end of the control topic: little while Kafka answers, and growing when not."""

import contextlib
import time

import pytest

from penstock.ops.broker.embedded import EmbeddedBroker
from penstock.streams.control import ControlReader
from penstock.streams.control_end import ControlEnd
from penstock.streams.settings import Cluster
from penstock.streams.topics import CONTROL, ensure, own_topics
from penstock.streams.transaction import TransactionalProducer


@pytest.fixture
def cluster(kafka):
    found = Cluster(kafka.bootstrap)
    ensure(found, own_topics())
    return found


def test_the_end_is_known_once_the_reader_has_reached_it(cluster, wait_until):
    with contextlib.closing(ControlReader(cluster)) as reader, contextlib.closing(ControlEnd(cluster, reader)) as end:
        end._known_at = time.monotonic() - 100
        end.look()
        assert end.age_s >= 100  # nothing was read yet
        reader.catch_up()
        end.look()
        assert end.age_s < 50


def test_what_was_written_and_not_read_makes_it_grow(cluster, wait_until):
    with contextlib.closing(ControlReader(cluster)) as reader, contextlib.closing(ControlEnd(cluster, reader)) as end:
        reader.catch_up()
        end._known_at = time.monotonic() - 100
        end._reader = type("Behind", (), {"reached": reader.reached - 1})()
        end.look()
        assert end.age_s >= 100


def test_an_empty_transaction_at_the_end_does_not_keep_it_waiting(cluster, wait_until):
    with contextlib.closing(ControlReader(cluster)) as reader, contextlib.closing(ControlEnd(cluster, reader)) as end:
        reader.catch_up()
        producer = TransactionalProducer(cluster, "control-age-test")
        producer.init()
        with contextlib.suppress(ValueError), producer.transaction() as transaction:
            transaction.produce(CONTROL, b"never committed", partition=0)
            raise ValueError
        producer.close()

        def knows():
            reader.poll(0.05)
            end._known_at = time.monotonic() - 100
            end.look()
            return end.age_s < 50

        wait_until(knows)


def test_it_grows_while_kafka_does_not_answer(broker_root):
    with EmbeddedBroker(broker_root) as broker:
        cluster = Cluster(broker.bootstrap)
        ensure(cluster, own_topics())
        reader = ControlReader(cluster)
        end = ControlEnd(cluster, reader)
        reader.catch_up()
        end.look()
        assert end.age_s < 20
    end._known_at = time.monotonic() - 100
    end.look()
    assert end.age_s >= 100
    end.close()
    reader.close()
