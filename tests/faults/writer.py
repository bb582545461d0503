"""Writes the input of the fault bench into the provider topic, at a pace, and keeps the journal of what Kafka took.

As a process: `python writer.py BOOTSTRAP SEED SCHEMA_ID JOURNAL`. Lines on standard input are the pace in records a
second; at the end of input it writes what is on its way to the journal, and ends.
"""

import json
import os
import selectors
import sys
import time
import zlib
from pathlib import Path
from typing import IO

from confluent_kafka import KafkaError, Message, Producer
from events import PARTITIONS, TOPIC, frame, key, poison_kind

TICK_S = 0.02
SETTINGS = {
    "enable.idempotence": True,
    "acks": "all",
    "linger.ms": 5,
    "compression.type": "lz4",
    "socket.nagle.disable": True,
    "message.timeout.ms": 600_000,
    "reconnect.backoff.max.ms": 500,
    "log_level": 0,
}


class Writer:
    """Numbers records from 0 on."""

    def __init__(self, bootstrap: str, seed: int, schema_id: int, journal: IO[str]) -> None:
        self._producer = Producer({"bootstrap.servers": bootstrap, **SETTINGS})
        self._seed = seed
        self._schema_id = schema_id
        self._journal = journal
        self._next = 0

    def write(self, count: int) -> None:
        """Hand over so many records, and note those that Kafka took."""
        for n in range(self._next, self._next + count):
            name = key(self._seed, n)
            self._producer.produce(
                TOPIC,
                frame(self._seed, n, self._schema_id),
                key=name,
                partition=zlib.crc32(name) % PARTITIONS,
                on_delivery=lambda error, sent, n=n: self._note(n, error, sent),
            )
        self._next += count
        self._producer.poll(0)

    def end(self) -> None:
        self._producer.flush()
        self._journal.flush()

    def _note(self, n: int, error: KafkaError | None, sent: Message) -> None:
        if error is not None:
            raise RuntimeError(f"record {n} was not taken: {error.name()}")
        line = {"p": sent.partition(), "o": sent.offset(), "n": n, "poison": poison_kind(self._seed, n)}
        self._journal.write(json.dumps(line) + "\n")


def main(bootstrap: str, seed: str, schema_id: str, journal: str) -> None:
    watch = selectors.DefaultSelector()
    watch.register(sys.stdin, selectors.EVENT_READ)
    pace, owed, then = 0.0, 0.0, time.monotonic()
    with Path(journal).open("a") as file:
        writer = Writer(bootstrap, int(seed), int(schema_id), file)
        while True:
            if watch.select(TICK_S):
                said = os.read(sys.stdin.fileno(), 4096)
                if not said:
                    break
                pace = float(said.split()[-1])
            now = time.monotonic()
            owed = min(owed + pace * (now - then), max(pace, 1.0))
            then = now
            writer.write(int(owed))
            owed -= int(owed)
            file.flush()
        writer.end()


if __name__ == "__main__":
    main(*sys.argv[1:])
