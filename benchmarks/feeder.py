"""Publishes events at a steady pace and writes down when each was given to the client, in nanoseconds (monotonic).

python benchmarks/feeder.py BOOTSTRAP TOPIC PARTITIONS RATE SECONDS FILE
"""

import array
import sys
import time
from pathlib import Path

from confluent_kafka import Producer
from workloads import payments

AHEAD_S = 0.5
PAUSE_S = 0.001
SUBJECTS = 2_000


def main() -> None:
    bootstrap, topic, partitions, rate, seconds, file = sys.argv[1:]
    times = feed(bootstrap, topic, int(partitions), int(rate), float(seconds))
    Path(file).write_bytes(times.tobytes())


def feed(bootstrap: str, topic: str, partitions: int, rate: int, seconds: float) -> "array.array[int]":
    events = list(payments(int(rate * seconds), warm=SUBJECTS))
    producer = Producer({"bootstrap.servers": bootstrap, "socket.nagle.disable": True, "linger.ms": 1, "acks": "all"})
    times = array.array("q")
    began = time.monotonic() + AHEAD_S
    while len(times) < len(events):
        due = min(len(events), int((time.monotonic() - began) * rate))
        for number in range(len(times), due):
            one = events[number]
            times.append(time.monotonic_ns())
            producer.produce(topic, one.value, one.payee.encode(), number % partitions)
        producer.poll(0)
        time.sleep(PAUSE_S)
    producer.flush()
    return times


if __name__ == "__main__":
    main()
