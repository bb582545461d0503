"""What a source's publisher knows to be published: its provider topic, read back over the contract's window.

Nothing is kept anywhere else: what is on the topic is what was committed, also after a kill.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from threading import Event
from typing import TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from ..processors.duplicates import SECRET_BYTES, Recollection, Window
from ..schemas.errors import RefusedError, UnavailableError
from ..schemas.generation import ContractInForce
from .clients import Complaint, ask_topics, make
from .consuming import take
from .settings import Cluster

PATIENCE_S = 20.0
STUCK_S = 60.0
"""The transaction of another source that was killed ends within 15 s, and Kafka looks for such every 10 s."""
STEP_S = 0.2

T = TypeVar("T")


class Published:
    """The memory of one source's publisher.

    It knows what lay on the topic when it was read back, whichever source it came from, and what this source published
    since. Not thread-safe.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._window: Window | None = None
        self._said: tuple[object, ...] = ()

    def window(self, held: ContractInForce, now_ms: int, stop: Event) -> Window | None:
        """Return the window that a contract asks for, read back when the contract says another one than before.

        None when it asks for none, and when `stop` is set meanwhile. Raises UnavailableError when the topic cannot be
        read to its end in time, RefusedError when it may not be read.
        """
        contract = held.contract
        said = (contract.topic, contract.duplicate_window, contract.event_id, contract.quality_flags)
        if said != self._said:
            self._said, self._window = (), None
            if contract.duplicate_window_ms is not None:
                self._window = self._read_back(held, contract.duplicate_window_ms, now_ms, stop)
            self._said = said
        return self._window

    def _read_back(self, held: ContractInForce, window_ms: int, now_ms: int, stop: Event) -> Window | None:
        window = Window(window_ms, os.urandom(SECRET_BYTES))
        recollection = Recollection(held.contract, held.writers, window)
        reading = _Reading(self._cluster, held.contract.topic)
        try:
            for message in reading.since(now_ms - window_ms, window.most, stop):
                recollection.recall(message.value(), message.timestamp()[1])
        finally:
            reading.close()
        window.settle(now_ms)
        return None if stop.is_set() else window


class _Reading:
    """Reads a topic from an instant to its end as of now, committed records only."""

    def __init__(self, cluster: Cluster, topic: str) -> None:
        self._topic = topic
        self._complaint = Complaint(cluster.bootstrap)
        settings = {**cluster.reader(), "auto.offset.reset": "earliest", "error_cb": self._complaint}
        self._consumer = make(Consumer, settings)
        # Asked without regard to transactions: what another source has open must not hide what lies behind it.
        self._asking = make(Consumer, {**settings, "isolation.level": "read_uncommitted"})

    def since(self, since_ms: int, most: int, stop: Event) -> Iterator[Message]:
        """Yield the records appended since an instant, the last `most` offsets of them at most, until `stop` is set."""
        places = [TopicPartition(self._topic, one, max(since_ms, 0)) for one in self._partitions()]
        ends = {one.partition: self._end(one) for one in places}
        found = self._asked(lambda: self._asking.offsets_for_times(places, timeout=PATIENCE_S))
        if wrong := next((one.error for one in found if one.error is not None), None):
            raise self._failure(wrong)
        starts = {one.partition: one.offset for one in found if 0 <= one.offset < ends[one.partition]}
        starts = _last(starts, ends, most)
        self._consumer.assign([TopicPartition(self._topic, one, start) for one, start in starts.items()])
        yield from self._to(ends, starts, stop)

    def _to(self, ends: Mapping[int, int], reached: dict[int, int], stop: Event) -> Iterator[Message]:
        """Yield records until every partition in `reached` is at its end; what is open in between is waited for."""
        heard_at = time.monotonic()
        while any(reached[one] < ends[one] for one in reached) and not stop.is_set():
            for message in take(self._consumer, 10_000, STEP_S):
                partition, offset, error = message.partition() or 0, message.offset() or 0, message.error()
                if error is None:
                    reached[partition] = offset + 1
                    yield message
                elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the client's own constant
                    reached[partition] = max(reached[partition], offset)
                elif error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
                    raise self._failure(error)
                heard_at = time.monotonic()
            self._complaint.check()
            if time.monotonic() > heard_at + STUCK_S:
                raise UnavailableError("it could not be read to its end", place=self._topic, remedy="is Kafka running?")

    def _partitions(self) -> list[int]:
        found = ask_topics(self._asking, self._complaint, PATIENCE_S, self._topic)[self._topic]
        if found.error is not None:
            raise self._failure(found.error)
        return sorted(found.partitions)

    def _end(self, place: TopicPartition) -> int:
        return self._asked(lambda: self._asking.get_watermark_offsets(place, timeout=PATIENCE_S))[1]

    def _asked(self, question: Callable[[], T]) -> T:
        try:
            return question()
        except KafkaException as failure:
            self._complaint.check()
            raise self._failure(failure.args[0]) from None

    def _failure(self, error: KafkaError) -> UnavailableError | RefusedError:
        if error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
            return RefusedError(
                "the topic may not be read, so what is sent again cannot be known",
                place=self._topic,
                remedy="let the source's principal read its provider topic: penstock access sync DIR",
            )
        return UnavailableError(
            f"the topic cannot be read ({error.name()})", place=self._topic, remedy="run: penstock apply DIR"
        )

    def close(self) -> None:
        self._consumer.close()
        self._asking.close()


def _last(starts: Mapping[int, int], ends: Mapping[int, int], most: int) -> dict[int, int]:
    """Return the starts, moved up where more than `most` offsets would be read: each partition keeps its share."""
    total = sum(ends[one] - start for one, start in starts.items())
    if total <= most:
        return dict(starts)
    return {one: ends[one] - (ends[one] - start) * most // total for one, start in starts.items()}
