"""What the transaction runner's defences cost without a fault: the exchange beside itself in a bare loop.

Both do the example's whole work (eight agreements, audit, disclosures) on the same records in batches of the same size.
One runs in the transaction runner with everything that guards it: static membership, ownership filter, own offsets, a
flush before the offsets, law 7's question, a listener for broken connections, watchdog. The other in the loop that
client examples show: consume, produce, send the consumer's position, commit. Pairs of runs take turns in who goes
first; the figure is the median of their ratios, with an interval that holds it in 95 of 100 cases (order statistics).

    python benchmarks/defences.py [--events N] [--pairs N]
"""

import argparse
import json
import math
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Message, Producer
from walk import DATASET, Bench

from penstock.ops.broker.embedded import EmbeddedBroker
from penstock.ops.clock import now_ms
from penstock.schemas.observer import BatchCounts
from penstock.streams.control import ControlReader, ControlWriter
from penstock.streams.exchange import Exchange, Slot, World
from penstock.streams.runner import Inbound, Job
from penstock.streams.settings import Cluster
from penstock.streams.topics import TopicSpec, ensure, own_topics, quarantine_topic
from penstock.streams.uncollected import uncollected

ECOSYSTEM = "bench"
WAIT_S = 0.05


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=60_000)
    parser.add_argument("--pairs", type=int, default=9)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, EmbeddedBroker(Path(folder) / "broker") as broker:
        stand = Stand(Cluster(broker.bootstrap), Path(folder), arguments.events)
        print(json.dumps(compared(stand, arguments.pairs)))


def compared(stand: "Stand", pairs: int) -> dict[str, Any]:
    """Run `pairs` of both, after one that warms everything up and says how large batches get."""
    sizes = stand.guarded("warm").sizes
    runs: dict[str, list[Done]] = {"guarded": [], "bare": []}
    for number in range(pairs):
        for name in ("guarded", "bare") if number % 2 else ("bare", "guarded"):
            done = stand.guarded(f"{number}") if name == "guarded" else stand.bare(f"{number}", sizes)
            sizes = done.sizes if name == "guarded" else sizes
            runs[name].append(done)
            print(f"pair {number}: {name} {done.rate:,.0f} events/s, {done.typical} a batch", file=sys.stderr)
    pace = [guarded.rate / bare.rate for guarded, bare in zip(*runs.values(), strict=True)]
    effort = [guarded.effort / bare.effort for guarded, bare in zip(*runs.values(), strict=True)]
    return {
        **{f"{name}_events_s": round(statistics.median(one.rate for one in found)) for name, found in runs.items()},
        "throughput": change(pace),
        "processor_time": change(effort),
        "batch": statistics.median(sizes),
        "aborts": sum(one.aborts for one in runs["guarded"]),
        "pairs": pairs,
    }


def change(ratios: Sequence[float]) -> dict[str, float]:
    """Return the median change and its interval in percent, and the level of that."""
    low, high, level = interval(sorted(ratios))
    return {
        "median_percent": percent(statistics.median(ratios)),
        "low_percent": percent(low),
        "high_percent": percent(high),
        "level": round(level, 3),
    }


def interval(ordered: Sequence[float], wanted: float = 0.95) -> tuple[float, float, float]:
    """Return the narrowest pair of order statistics that holds the median with at least `wanted`, and its level.

    Without any assumption about how the values spread: how many of them lie below the median is binomial.
    """
    count = len(ordered)
    for outer in range(count // 2, 0, -1):
        level = 1 - 2 * sum(math.comb(count, below) for below in range(outer)) / 2**count
        if level >= wanted:
            return ordered[outer - 1], ordered[-outer], level
    return ordered[0], ordered[-1], 1 - 2 / 2**count


def percent(ratio: float) -> float:
    return round(100 * (ratio - 1), 1)


class Done:
    """Listens to a run until everything is done. The first batch starts the clock; it was waiting before."""

    def __init__(self, count: int, stop: threading.Event) -> None:
        self._count = count
        self._stop = stop
        self._started = self._ended = self._cpu_before = self._cpu = 0.0
        self.sizes: list[int] = []
        self.aborts = 0

    @property
    def rate(self) -> float:
        """Events a second."""
        return sum(self.sizes[1:]) / (self._ended - self._started)

    @property
    def effort(self) -> float:
        """Processor seconds an event."""
        return (self._cpu - self._cpu_before) / sum(self.sizes[1:])

    @property
    def typical(self) -> int:
        """The size of the batch in which the run's middle event was."""
        ordered, half = sorted(self.sizes), sum(self.sizes) / 2
        return next(size for number, size in enumerate(ordered) if sum(ordered[: number + 1]) >= half)

    def batch(self, counts: BatchCounts, _seconds: float) -> None:
        self._ended, self._cpu = time.monotonic(), time.process_time()
        if not self.sizes:
            self._started, self._cpu_before = self._ended, self._cpu
        self.sizes.append(counts.events)
        if sum(self.sizes) >= self._count:
            self._stop.set()

    def aborted(self) -> None:
        self.aborts += 1

    def __getattr__(self, _name: str) -> Any:
        """Whatever else is told is no matter here."""
        return lambda *_: None


class Stand:
    """The example's records in a provider topic, the example's documents in force, and both ways to work on them."""

    def __init__(self, cluster: Cluster, folder: Path, events: int) -> None:
        self._bench = Bench(cluster, folder, events)
        self._cluster = cluster
        ensure(cluster, [*own_topics(), TopicSpec(quarantine_topic(DATASET), 1)])
        writer = ControlWriter(cluster, ECOSYSTEM)
        writer.write(self._bench.generation)
        writer.close()

    def guarded(self, name: str) -> Done:
        return self._run(f"guarded-{name}", None)

    def bare(self, name: str, sizes: Iterable[int]) -> Done:
        return self._run(f"bare-{name}", sizes)

    def _run(self, name: str, sizes: Iterable[int] | None) -> Done:
        stop = threading.Event()
        done = Done(self._bench.count, stop)
        control = ControlReader(self._cluster)
        control.wait_for(DATASET, stop)
        world = World(self._cluster, self._bench.keys, Nobody(), done, now_ms)
        exchange = Exchange(Slot(name, DATASET, 0), world, control)
        if sizes is not None:
            strip(exchange, self._cluster, self._bench.topic, sizes)
        exchange.run(stop)
        exchange.close()
        control.close()
        return done


class Nobody:
    """A registry that is never asked: the bench's only writer schema is in force."""

    def schema(self, schema_id: int) -> None:
        raise AssertionError(schema_id)


def strip(exchange: Exchange, cluster: Cluster, topic: str, sizes: Iterable[int]) -> None:
    """Take the runner and law 7 away; what is left decides, protects and accounts as before."""
    runner: Any = exchange._runner  # noqa: SLF001 - taken apart on purpose
    knowledge: Any = exchange._knowledge  # noqa: SLF001 - as above
    for question in ("announce", "refresh", "require_current", "leave"):
        setattr(knowledge, question, lambda *_, **__: None)
    name = runner.transactional_id
    runner.close()
    exchange._runner = Bare(cluster, topic, name, exchange, sizes)  # type: ignore[assignment]  # noqa: SLF001 - as above


class Bare:
    """The loop of the client's examples, in batches of `sizes`; the settings that make it quick are ours."""

    def __init__(self, cluster: Cluster, topic: str, name: str, job: Job, sizes: Iterable[int]) -> None:
        quick = {"bootstrap.servers": cluster.bootstrap, "socket.nagle.disable": True}
        filling = {"linger.ms": 5, "compression.type": "lz4", "queue.buffering.max.messages": 200_000}
        reading = {"fetch.wait.max.ms": 50, "queued.min.messages": 20_000, "auto.offset.reset": "earliest"}
        self.transactional_id = name
        self._topic = topic
        self._job = job
        self._sizes = iter(sizes)
        self._size = 1
        self._producer = Producer({**quick, **filling, "transactional.id": name})
        self._consumer = Consumer({**quick, **reading, "group.id": name, "enable.auto.commit": False})

    def start(self, _manner: object) -> None:
        self._producer.init_transactions()
        self._consumer.subscribe([self._topic])
        self._job.taken_over()

    def positions(self) -> dict[int, int]:
        """Nothing is known."""
        return {}

    def step(self, wait_s: float = WAIT_S) -> int:
        self._size = next(self._sizes, self._size)
        messages = self._consumer.consume(self._size, wait_s)
        if messages:
            with uncollected():  # no defence, and so no part of what is compared
                self._transact(messages)
        return len(messages)

    def _transact(self, messages: list[Message]) -> None:
        work = self._job.prepare([inbound(message) for message in messages])
        started = time.monotonic()
        self._producer.begin_transaction()
        work.produce(self)  # type: ignore[arg-type]  # all that is asked of a transaction is to produce
        positions = self._consumer.position(self._consumer.assignment())
        self._producer.send_offsets_to_transaction(positions, self._consumer.consumer_group_metadata())
        self._producer.commit_transaction()
        work.committed(time.monotonic() - started)

    def produce_all(self, records: Iterable[tuple[str, int, bytes | None, bytes]]) -> None:
        for topic, partition, key, value in records:
            self._producer.produce(topic, value, key, partition)

    def produce(self, topic: str, value: bytes | None, **more: Any) -> None:
        if more.get("headers") is None:
            more.pop("headers", None)
        self._producer.produce(topic, value, **more)

    def close(self) -> None:
        self._consumer.close()


def inbound(message: Message) -> Inbound:
    return Inbound(
        message.partition() or 0, message.offset() or 0, message.key(), message.value(), message.timestamp()[1]
    )


if __name__ == "__main__":
    main()
