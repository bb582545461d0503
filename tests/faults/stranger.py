"""A member that joins a lane's group, takes partitions, leaves a moment later, and joins again: a rebalance storm.

As a process: `python stranger.py BOOTSTRAP GROUP TOPIC PERIOD_S`, until standard input ends. It commits nothing.
"""

import selectors
import sys
import time

from confluent_kafka import Consumer


def visit(settings: dict[str, object], topic: str, period_s: float) -> None:
    member = Consumer(settings)
    member.subscribe([topic])
    leave = time.monotonic() + period_s / 2
    while time.monotonic() < leave:
        member.consume(100, 0.05)
    member.close()


def main(bootstrap: str, group: str, topic: str, period_s: str) -> None:
    watch = selectors.DefaultSelector()
    watch.register(sys.stdin, selectors.EVENT_READ)
    settings = {
        "bootstrap.servers": bootstrap,
        "group.id": group,
        "partition.assignment.strategy": "cooperative-sticky",
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "isolation.level": "read_committed",
        "session.timeout.ms": 6_000,
        "log_level": 0,
    }
    while not watch.select(float(period_s) / 2):
        visit(settings, topic, float(period_s))


if __name__ == "__main__":
    main(*sys.argv[1:])
