"""Where engines are measured: an embedded broker, a provider topic that is full, the documents in force, keys made."""

import json
import os
import pickle
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from confluent_kafka import Producer
from engine_ceiling import SAMPLE
from engine_penstock import key_store, warm
from order import Order, View
from programs import SLOW, lane_program
from workloads import ECOSYSTEM, Payment, Workload, payments

from penstock.ops.broker.embedded import EmbeddedBroker
from penstock.ops.clock import now_ms
from penstock.processors.lane import LaneProgram
from penstock.processors.outcome import Input
from penstock.processors.quarantine import QuarantineSealer
from penstock.processors.served import WorkerKeys
from penstock.streams.accounts import Accounts, Made
from penstock.streams.control import ControlWriter
from penstock.streams.settings import Cluster
from penstock.streams.topics import DISCLOSURES, TopicSpec, ensure, own_topics, provider_topic, quarantine_topic

SAMPLED = 2_000
SAMPLED_BYTES = 8 << 20
SMALL = {"retention.bytes": str(128 << 20), "segment.bytes": str(32 << 20)}
"""View topics of a run are not read again: what is old goes, so that hours of measuring fit a disk."""
BROKER = {
    "log.retention.check.interval.ms": "5000",
    "log.segment.delete.delay.ms": "1000",
    "log.message.timestamp.type": "CreateTime",
}
CHUNK = 20_000


class Stand:
    """One workload on one broker. `events` lie in the provider topic before anything is measured."""

    def __init__(  # noqa: PLR0913 - each a thing that a part sets by itself
        self, what: Workload, folder: Path, events: int, *, warm_subjects: int, warmed: bool = True, size: int = 0
    ) -> None:
        """Events are about `warm_subjects`, whose keys are made before anything is measured if they are `warmed`."""
        self.workload = what
        self._warmed = warmed and what.personal
        self.folder = folder
        self.events = events
        self.size = size
        self._warm = warm_subjects
        folder.mkdir(parents=True, exist_ok=True)
        self.broker = EmbeddedBroker(folder / "broker", extra=BROKER)

    def __enter__(self) -> Self:
        self.broker.start()
        self.cluster = Cluster(self.broker.bootstrap)
        self._topics()
        self._put_in_force()
        self.fill(payments_of(self.events, self._warm, self.size))
        self.keys = key_store(self.folder)
        self.order = self._order()
        if self._warmed:
            for lane in self.lanes:
                warm(self.keys, replace(self.order, lane=lane), self.workload.generation)
        self._sample()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.broker.stop()

    @property
    def lanes(self) -> list[int]:
        return sorted({one.lane for one in self.workload.views.values()})

    def _topics(self) -> None:
        what = self.workload
        views = [TopicSpec(name, what.partitions, SMALL) for name in what.views]
        ours = [TopicSpec(one.name, one.partitions, {**one.config, **extra(one.name)}) for one in own_topics()]
        source = provider_topic(what.topic, what.partitions, -1)
        ensure(self.cluster, [source, *views, *ours, TopicSpec(quarantine_topic(what.dataset), 1)])

    def _put_in_force(self) -> None:
        writer = ControlWriter(self.cluster, ECOSYSTEM)
        writer.write(self.workload.generation)
        writer.close()

    def fill(self, events: Iterable[Payment]) -> None:
        """Write events to the provider topic, without transactions: its offsets then count events."""
        producer = Producer({**self.cluster.producer(), "linger.ms": 20, "batch.size": 1 << 20})
        for number, one in enumerate(events):
            while True:
                try:
                    partition = number % self.workload.partitions
                    producer.produce(self.workload.topic, one.value, one.payee.encode(), partition)
                    break
                except BufferError:
                    producer.poll(0.2)
        producer.flush()

    def _order(self) -> Order:
        what = self.workload
        contract = what.in_force.contract
        views = [
            View(
                one.agreement.id,
                topic,
                one.view_schema_id,
                json.loads(json.dumps(one.view_schema, default=dict)),
                {path: rule.model_dump() for path, rule in one.agreement.fields.items() if rule.do != "omit"},
                simple(one.agreement.predicate),
            )
            for topic, one in what.views.items()
        ]
        return Order(
            workload=what.name,
            bootstrap=self.broker.bootstrap,
            topic=what.topic,
            partitions=what.partitions,
            dataset=what.dataset,
            schema=json.loads(json.dumps(contract.schema, default=dict)),
            event_id=contract.event_id,
            record_key=contract.record_key or contract.event_id,
            subject=contract.data_subject,
            views=views,
            folder=str(self.folder),
            warm=self._warm if self._warmed else 0,
            secret=bytes(range(32)).hex(),
        )

    def _sample(self) -> None:
        """Keep what the exchange makes of some events, for the pass-through to write."""
        count = min(SAMPLED, SAMPLED_BYTES // max(1, self.size))
        made = [list(one) for one in self._made(payments(count, warm=self._warm, size=self.size))]
        (self.folder / SAMPLE).write_bytes(pickle.dumps(made))

    def _made(self, events: Iterable[Payment]) -> Iterator[Iterator[tuple[str, bytes, bytes]]]:
        what = self.workload
        programs = [self.program(lane) for lane in self.lanes]
        sealer = QuarantineSealer(self.keys, what.dataset, "bench", os.urandom)
        accounts = Accounts(what.dataset, what.topic, sealer)
        made = Made(1, 0, now_ms(), "bench", 0)
        for number, one in enumerate(events):
            source = [Input(number % what.partitions, number, one.value)]
            outcomes = [program.process(source, now_ms(), {}, os.urandom) for program in programs]
            yield (
                record
                for outcome in outcomes
                for record in (
                    *((out.topic, out.key or b"", out.value) for out in outcome.outputs),
                    *((DISCLOSURES, out.key or b"", out.value) for out in accounts.disclosures(outcome, made)),
                )
            )

    def program(self, lane: int = 0) -> LaneProgram:
        """Return the slow path's program, for comparing and sampling."""
        chosen = [one.agreement.id for one in self.workload.views.values() if one.lane == lane]
        generation, dataset = self.workload.generation, self.workload.dataset
        return lane_program(generation, dataset, WorkerKeys(self.keys, "bench"), chosen, SLOW)


def extra(name: str) -> dict[str, str]:
    return SMALL if name == DISCLOSURES else {}


def simple(predicate: str | None) -> tuple[str, str] | None:
    """Return the field and value of a predicate like `region == "north"`."""
    if predicate is None:
        return None
    field, value = predicate.split(" == ")
    return field, json.loads(value)


def payments_of(count: int, warm_subjects: int, size: int) -> Iterator[Payment]:
    """Yield the events, made by as many processes as there are cores."""
    starts = range(0, count, CHUNK)
    with ProcessPoolExecutor() as pool:
        counts = [min(CHUNK, count - start) for start in starts]
        many = len(counts)
        for part in pool.map(part_of, starts, counts, [warm_subjects] * many, [size] * many):
            yield from part


def part_of(start: int, count: int, warm_subjects: int, size: int) -> list[Payment]:
    return list(payments(count, first=start, warm=warm_subjects, size=size))
