"""A stock consumer that hears everything on some topics, and waits for what a test expects."""

import threading
import time
from collections.abc import Callable, Iterable
from typing import TypeVar

from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition

T = TypeVar("T")
PATIENCE_S = 30.0


class Ear:
    """Committed records of `topics` from their beginning, by topic, in the order of their arrival."""

    def __init__(self, bootstrap: str, topics: Iterable[str]) -> None:
        self.heard: dict[str, list[Message]] = {topic: [] for topic in topics}
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "ear",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 20,
                "topic.metadata.refresh.interval.ms": -1,
            }
        )
        self._consumer.assign(
            [
                TopicPartition(topic, partition, OFFSET_BEGINNING)
                for topic in self.heard
                for partition in self._consumer.list_topics(topic, 10).topics[topic].partitions
            ]
        )
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="ear")
        self._thread.start()

    def _listen(self) -> None:
        while not self._stop.is_set():
            for message in self._consumer.consume(500, 0.02):
                if message.error() is None:
                    with self._changed:
                        self.heard[message.topic()].append(message)
                        self._changed.notify_all()

    def until(self, find: Callable[[], T | None], what: str, seconds: float = PATIENCE_S) -> T:
        """The first thing that `find` gives; asked again whenever something was heard, and twenty times a second."""
        deadline = time.monotonic() + seconds
        while True:
            with self._changed:
                found = find()
                if found is not None:
                    return found
                assert time.monotonic() < deadline, f"{what} did not come within {seconds:.0f} s"
                self._changed.wait(0.05)

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._consumer.close()
