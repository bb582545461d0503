"""From publishing to readable: an event's time from the provider's client to a committed record of the first view.

A feeder of its own keeps the pace; a stock consumer reads the view. The n-th record of a view's partition is the n-th
event of the provider's, since every event is released to this recipient and partitions are kept.
"""

import array
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition
from engines import ENGINES, Engine
from feeder import SUBJECTS
from meaning import ends
from rows import Row, Rows
from running import FIRST_S, FailedError, Running
from stand import Stand
from throughput import Terms, ours, say
from workloads import payments, workload

RATES = (500, 2_000, 10_000)
LEAD_S = 3.0
"""Before this nothing counts: connections are made and code is compiled."""
LATE_S = 10.0
WARM_UP = 400
SETTINGS = {"ceiling": {"records": 2_000, "linger_ms": 1}}
"""The pass-through is tuned for latency."""


def latency(rows: Rows, terms: Terms) -> None:
    """Measure our back ends beside the pass-through at each rate, in turns."""
    names = ["ceiling", *ours()]
    wanted = [(number, rate, name) for number in range(terms.windows) for rate in RATES for name in names]
    left = [one for one in wanted if not rows.has(number=one[0], rate=one[1], engine=one[2])]
    if not left:
        return
    with (
        tempfile.TemporaryDirectory() as folder,
        Stand(workload("w1"), Path(folder), WARM_UP, warm_subjects=SUBJECTS) as stand,
    ):
        for number, rate, name in left:
            row: Row = {"number": number, "rate": rate, "engine": name}
            try:
                row |= measured(stand, ENGINES[name], rate, terms.seconds)
            except FailedError as failure:
                row["failed"] = str(failure)[-400:]
            say(f"  latency at {rate}/s, {name}, ms: {[row.get(f'{share}_ms') for share in SHARES]}")
            rows.add(row)


def measured(stand: Stand, engine: Engine, rate: int, seconds: float) -> Row:
    """Return percentiles of one run. Events that did not come within LATE_S are counted as `late`."""
    settings = SETTINGS.get(engine.name, engine.tried[0])
    topic, view = stand.workload.topic, stand.order.views[0].topic
    before = sum(ends(stand.cluster, topic).values())
    with Running(stand, engine, settings, from_now=True) as running:
        stand.fill(payments(WARM_UP, warm=SUBJECTS))
        running.wait(before + WARM_UP, FIRST_S)
        begins = ends(stand.cluster, view)
        times_file = stand.folder / "times"
        feeder = subprocess.Popen(
            [
                *(sys.executable, str(Path(__file__).with_name("feeder.py")), stand.broker.bootstrap, topic),
                *(str(stand.workload.partitions), str(rate), str(LEAD_S + seconds), str(times_file)),
            ]
        )
        seen = Seen(stand, view, begins)
        seen.read(feeder, int(rate * (LEAD_S + seconds)))
        seen.close()
    sent = array.array("q")
    sent.frombytes(times_file.read_bytes())
    return told(sent, seen.times, stand.workload.partitions, int(rate * LEAD_S))


class Seen:
    """Reads a view as a recipient does and notes when each record came."""

    def __init__(self, stand: Stand, topic: str, begins: dict[int, int]) -> None:
        reader = {**stand.cluster.reader(), "fetch.wait.max.ms": 10, "check.crcs": False}
        self._consumer = Consumer({**reader, "enable.partition.eof": False})
        self._consumer.assign([TopicPartition(topic, partition, offset) for partition, offset in begins.items()])
        self.times: list[list[int]] = [[] for _ in begins]

    def read(self, feeder: "subprocess.Popen[bytes]", count: int) -> None:
        left, until = count, math.inf
        while left and time.monotonic() < until:
            messages = self._consumer.consume(500, 0.005)
            now = time.monotonic_ns()
            for message in messages:
                self.times[message.partition() or 0].append(now)
            left -= len(messages)
            if until == math.inf and feeder.poll() is not None:
                until = time.monotonic() + LATE_S
        feeder.wait()

    def close(self) -> None:
        self._consumer.close()


def told(sent: Sequence[int], seen: Sequence[Sequence[int]], partitions: int, first: int) -> Row:
    """Return percentiles in milliseconds of the events from number `first` on."""
    taken = []
    for number in range(first, len(sent)):
        partition, place = number % partitions, number // partitions
        taken.append((seen[partition][place] - sent[number]) / 1e6 if place < len(seen[partition]) else math.inf)
    ordered = sorted(taken)
    late = sum(map(math.isinf, ordered))
    return {
        "events": len(ordered),
        "late": late,
        **{f"{name}_ms": at(ordered, share) for name, share in SHARES.items()},
    }


SHARES = {"p50": 0.5, "p99": 0.99, "p999": 0.999}


def at(ordered: Sequence[float], share: float) -> float | None:
    """Return the nearest-rank percentile; None where it did not come in time."""
    found = ordered[math.ceil(len(ordered) * share) - 1]
    return None if math.isinf(found) else round(found, 2)
