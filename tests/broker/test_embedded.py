"""The embedded broker on the real thing."""

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from penstock.ops.broker.embedded import EmbeddedBroker

pytestmark = pytest.mark.broker


def create(bootstrap: str, topic: str, **config: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(topic, 1, 1, config=config)])[topic].result(20)


def produce(bootstrap: str, topic: str, *values: bytes, transactional: bool = False) -> None:
    own = {"transactional.id": f"t-{topic}"} if transactional else {}
    producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, **own})
    if transactional:
        producer.init_transactions(20)
        producer.begin_transaction()
    for value in values:
        producer.produce(topic, value, key=b"k")
    if transactional:
        producer.commit_transaction(20)
    assert producer.flush(20) == 0


def read(bootstrap: str, topic: str, count: int) -> list[bytes]:
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"g-{topic}",
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
        }
    )
    try:
        consumer.subscribe([topic])
        messages = consumer.consume(count, 20)
        assert all(message.error() is None for message in messages)
        return [message.value() for message in messages]
    finally:
        consumer.close()


def test_a_committed_transaction_is_read_and_lies_in_the_raw_segments(kafka: EmbeddedBroker):
    create(kafka.bootstrap, "walk")
    produce(kafka.bootstrap, "walk", b"canary-of-the-walk", transactional=True)
    assert read(kafka.bootstrap, "walk", 1) == [b"canary-of-the-walk"]
    segments = list(kafka.log_dirs.glob("walk-0/*.log"))
    assert any(b"canary-of-the-walk" in segment.read_bytes() for segment in segments)


def test_data_survives_a_clean_stop_and_a_kill(broker_root):
    broker = EmbeddedBroker(broker_root)
    first = broker.start()
    create(first, "kept")
    produce(first, "kept", b"before the stop")
    broker.stop()

    second = broker.start()
    assert second == first
    produce(second, "kept", b"before the kill")
    broker.kill()

    with EmbeddedBroker(broker_root) as third:
        assert read(third.bootstrap, "kept", 2) == [b"before the stop", b"before the kill"]
