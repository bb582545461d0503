"""Reading a one-partition topic of ours from its start, and going on from there."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, TopicPartition

from ..schemas.errors import UnavailableError
from .settings import Cluster

PATIENCE_S = 20.0


@dataclass(frozen=True, slots=True)
class Entry:
    """One committed record. `appended_ms` is its timestamp."""

    offset: int
    key: bytes | None
    value: bytes | None
    appended_ms: int


class Tail:
    """All committed records of partition 0 of a topic, in order, each once. Not thread-safe."""

    def __init__(self, cluster: Cluster, topic: str, *, start: int = OFFSET_BEGINNING) -> None:
        self.topic = topic
        self.offset = -1
        self._consumer = Consumer({**cluster.reader(), "auto.offset.reset": "earliest"})
        self._consumer.assign([TopicPartition(topic, 0, start)])

    def poll(self, wait_s: float = 0.0, limit: int = 10_000) -> list[Entry]:
        """Return new records, at most `limit`, waiting up to `wait_s` for the first."""
        return [_entry(message) for message in self._messages(wait_s, limit) if message is not None]

    def to_end(self) -> Iterator[Entry]:
        """Yield every record up to the topic's end as of now. Raises UnavailableError when Kafka does not answer."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            for message in self._messages(0.5, 10_000):
                if message is None:
                    return
                deadline = time.monotonic() + PATIENCE_S
                yield _entry(message)
        raise UnavailableError(f"{self.topic} could not be read to its end", remedy="check that Kafka is up")

    def _messages(self, wait_s: float, limit: int) -> Iterator[Message | None]:
        """Yield records, and None where the end of the topic was reached."""
        for message in self._consumer.consume(limit, wait_s):
            error = message.error()
            if error is None:
                self.offset = message.offset() or 0
                yield message
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the client's own constant
                yield None
            elif not error.retriable() and error.code() in {
                KafkaError.UNKNOWN_TOPIC_OR_PART,
                KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001 - the client's own constant
                KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001 - the client's own constant
            }:
                raise UnavailableError("the topic does not exist", place=self.topic, remedy="run: penstock apply DIR")

    def close(self) -> None:
        self._consumer.close()


def _entry(message: Message) -> Entry:
    key, value = message.key(), message.value()
    return Entry(
        offset=message.offset() or 0,
        key=key.encode() if isinstance(key, str) else key,
        value=value.encode() if isinstance(value, str) else value,
        appended_ms=message.timestamp()[1],
    )
