"""Reading a view topic as any recipient would: committed records only, in order per partition."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaError, Message, TopicPartition

from ..schemas.errors import ConfigurationError, RefusedError, UnavailableError
from .clients import Complaint, ask_topics, make
from .consuming import take
from .settings import Cluster

PATIENCE_S = 20.0


@dataclass(frozen=True, slots=True)
class Framed:
    """A record of a topic as it lies there: `value` in Confluent wire format."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    appended_ms: int


class TopicReader:
    """All partitions of a topic, from the beginning or the end, without a consumer group."""

    def __init__(self, cluster: Cluster, topic: str, *, from_end: bool = False) -> None:
        self._topic = topic
        self._complaint = Complaint(cluster.bootstrap)
        settings = {**cluster.reader(), "auto.offset.reset": "earliest", "error_cb": self._complaint}
        self._consumer = make(Consumer, settings)
        start = OFFSET_END if from_end else OFFSET_BEGINNING
        self._partitions = self._find()
        self._at_end: set[int] = set()
        self._refused = False
        self._heard_at = time.monotonic()
        self._consumer.assign([TopicPartition(topic, one, start) for one in self._partitions])

    def _find(self) -> list[int]:
        found = ask_topics(self._consumer, self._complaint, PATIENCE_S, self._topic)[self._topic]
        if found.error is not None and found.error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
            raise _refusal(self._topic)
        if found.error is not None:
            raise ConfigurationError("there is no such topic", place=self._topic, remedy="is the agreement in force?")
        return sorted(found.partitions)

    def poll(self, wait_s: float = 0.2, limit: int = 5_000) -> list[Framed]:
        """Return new records, waiting up to `wait_s` for the first.

        Raises UnavailableError when there should be more and Kafka has been silent for too long, RefusedError when the
        topic may be read no more.
        """
        self._complain_if_refused()
        records = []
        messages = take(self._consumer, limit, wait_s)
        self._watch(bool(messages))
        for message in messages:
            error = message.error()
            if error is None:
                self._at_end.discard(message.partition() or 0)
                records.append(_framed(message))
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the client's own constant
                self._at_end.add(message.partition() or 0)
            elif error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
                self._refused = True
        if not records:
            self._complain_if_refused()
        return records

    def _complain_if_refused(self) -> None:
        """Raise RefusedError once; what was read before is handed out first, and who may read again goes on."""
        if self._refused:
            self._refused = False
            raise _refusal(self._topic)

    def _watch(self, heard: bool) -> None:  # noqa: FBT001 - private, one caller
        now = time.monotonic()
        if heard or self.at_end:
            self._heard_at = now
        elif now > self._heard_at + PATIENCE_S:
            raise UnavailableError("Kafka does not answer", place=self._topic, remedy="is it running?")

    @property
    def at_end(self) -> bool:
        """Whether the end of every partition was reached after the last record seen."""
        return len(self._at_end) == len(self._partitions)

    def to_end(self) -> Iterator[Framed]:
        """Yield everything up to the end of each partition."""
        while not self.at_end:
            yield from self.poll()

    def close(self) -> None:
        self._consumer.close()


def _refusal(topic: str) -> RefusedError:
    return RefusedError("Kafka does not let us read the topic", place=topic, remedy="is the agreement in force?")


def _framed(message: Message) -> Framed:
    headers = cast("list[tuple[str, bytes]]", message.headers() or [])
    return Framed(
        message.partition() or 0,
        message.offset() or 0,
        message.key(),
        message.value(),
        tuple(headers),
        message.timestamp()[1],
    )
