"""The loop of the client's examples, made quick: consume, produce, send the offsets, commit. The outcome is given."""

import threading
from collections.abc import Callable, Sequence

from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition
from order import Order

Produced = Callable[[Message], Sequence[tuple[str, bytes, bytes]]]


class PlainLoop:
    """Passes every record's outcome on in transactions; `account` gives a transaction's own record."""

    def __init__(self, order: Order, produced: Produced, account: Callable[[int], bytes]) -> None:
        name = f"{order.group}.{order.number}"
        self._order = order
        self._produced = produced
        self._account = account
        self._single = {order.disclosures, order.audit}
        self._producer = Producer(writing(order, name))
        self._consumer = Consumer(reading(order, name))

    def run(self, stop: threading.Event) -> None:
        self._producer.init_transactions()
        self._consumer.subscribe([self._order.topic])
        most = self._order.settings.get("records", 5_000)
        while not stop.is_set():
            messages = [one for one in self._consumer.consume(most, 0.05) if one.error() is None]
            if messages:
                self._do(messages)
        self._consumer.close()

    def _do(self, messages: Sequence[Message]) -> None:
        try:
            self._transact(messages)
        except KafkaException as failure:
            if not failure.args[0].txn_requires_abort():
                raise
            self._rewind()

    def _transact(self, messages: Sequence[Message]) -> None:
        order, producer, produced, single = self._order, self._producer, self._produced, self._single
        metadata = self._consumer.consumer_group_metadata()
        after: dict[int, int] = {}
        producer.begin_transaction()
        put(producer, order.audit, order.dataset.encode(), self._account(len(messages)), 0)
        for message in messages:
            partition = after_of(message, after)
            for topic, key, value in produced(message):
                put(producer, topic, key, value, 0 if topic in single else partition)
        offsets = [TopicPartition(order.topic, partition, offset) for partition, offset in after.items()]
        producer.send_offsets_to_transaction(offsets, metadata)
        producer.commit_transaction()

    def _rewind(self) -> None:
        """Go back to what is committed: the group changed under the transaction."""
        self._producer.abort_transaction()
        for one in self._consumer.committed(self._consumer.assignment(), 10):
            self._consumer.seek(TopicPartition(one.topic, one.partition, max(0, one.offset)))


def after_of(message: Message, after: dict[int, int]) -> int:
    partition = message.partition() or 0
    after[partition] = (message.offset() or 0) + 1
    return partition


def put(producer: Producer, topic: str, key: bytes, value: bytes, partition: int) -> None:
    while True:
        try:
            producer.produce(topic, value, key, partition)
        except BufferError:
            producer.poll(0.1)
        else:
            return


def writing(order: Order, name: str) -> dict[str, object]:
    return {
        "bootstrap.servers": order.bootstrap,
        "socket.nagle.disable": True,
        "transactional.id": name,
        "linger.ms": order.settings.get("linger_ms", 5),
        "compression.type": order.settings.get("compression", "lz4"),
        "queue.buffering.max.messages": 400_000,
        "transaction.timeout.ms": 15_000,
        "log_level": 3,
    }


def reading(order: Order, name: str) -> dict[str, object]:
    return {
        "bootstrap.servers": order.bootstrap,
        "socket.nagle.disable": True,
        "group.id": order.group,
        "group.instance.id": name,
        "partition.assignment.strategy": "cooperative-sticky",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "isolation.level": "read_committed",
        "auto.offset.reset": "earliest",
        "session.timeout.ms": 20_000,
        "fetch.wait.max.ms": 50,
        "queued.min.messages": 20_000,
        "log_level": 3,
    }
