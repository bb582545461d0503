"""An engine running on a stand: started, watched by what it has committed, measured, ended."""

import os
import subprocess
import time
import uuid
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from engines import Engine, Settings
from stand import Stand

from penstock.ops.processes import dying_with_parent
from penstock.schemas.lanes import lane_group

LOOK_S = 0.02
FIRST_S = 120.0
STUCK_S = 60.0
END_S = 10.0
TICKS = os.sysconf("SC_CLK_TCK")


class FailedError(Exception):
    """An engine ended, or does not get on."""


@dataclass(frozen=True, slots=True)
class Window:
    """What was seen in one steady window. Processor time is in microseconds an event."""

    events_per_s: float
    events: int
    seconds: float
    start_up_s: float
    engine_us: float
    broker_us: float
    mb: float

    def record(self) -> dict[str, Any]:
        return {key: round(value, 3) for key, value in asdict(self).items()}


class Running:
    """One engine's processes, from their start to their end, in a group of their own: they begin at the beginning."""

    def __init__(
        self, stand: Stand, engine: Engine, settings: Settings, workers: int = 1, *, from_now: bool = False
    ) -> None:
        """`from_now`: what lies in the provider topic by now is not for this engine."""
        self._stand = stand
        self._group = f"{engine.name}-{uuid.uuid4().hex[:8]}"
        exchange = engine.name in {"penstock", "penstock_native", "slow_path"}
        chosen = {**settings, "lanes": stand.lanes} if exchange else settings
        order = replace(stand.order, group=self._group, settings=dict(chosen))
        self._commands = engine.commands(order, workers)
        names = [lane_group(self._group, order.topic, lane) for lane in stand.lanes] if exchange else [self._group]
        self._consumers = [self._looking(name) for name in names]
        self._places = [TopicPartition(order.topic, number) for number in range(order.partitions)]
        if from_now:
            self._skip(names)
        self._log = Path(order.folder) / f"{self._group}.log"
        self._processes: list[subprocess.Popen[bytes]] = []

    def _looking(self, group: str) -> Consumer:
        # Uncommitted: what is asked for is what is committed, and an open transaction is not waited for.
        settings = {"group.id": group, "isolation.level": "read_uncommitted", "enable.auto.commit": False}
        return Consumer({**self._stand.cluster.client(), **settings})

    def _skip(self, groups: list[str]) -> None:
        """Let the groups' places be the ends as of now."""
        admin = AdminClient(self._stand.cluster.client())
        for group, consumer in zip(groups, self._consumers, strict=True):
            ends = [(one, consumer.get_watermark_offsets(one, 10)[1]) for one in self._places]
            places = [TopicPartition(one.topic, one.partition, end) for one, end in ends]
            asked = admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, places)])
            asked[group].result(10)

    def __enter__(self) -> Self:
        self.started = time.monotonic()
        with self._log.open("wb") as log:
            for command in self._commands:
                found = dying_with_parent([str(Path(command[0]).absolute()), *command[1:]])
                self._processes.append(subprocess.Popen(found, stdout=log, stderr=log))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes:
            process.terminate()
        until = time.monotonic() + END_S
        for process in self._processes:
            try:
                process.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for consumer in self._consumers:
            consumer.close()

    def done(self) -> int:
        """Return how many events are committed, by the lane that is last. Raises FailedError when a process ended."""
        for process in self._processes:
            if process.poll() is not None:
                raise FailedError(f"it ended ({process.returncode}): {self._log.read_text()[-1500:]}")
        return min(map(self._committed, self._consumers))

    def _committed(self, consumer: Consumer) -> int:
        try:
            return sum(max(0, one.offset) for one in consumer.committed(self._places, 5.0))
        except KafkaException:
            return 0

    def wait(self, events: int, patience_s: float = STUCK_S) -> float:
        """Wait until so many events are committed; return the monotonic time of that."""
        until = time.monotonic() + patience_s
        while self.done() < events:
            if time.monotonic() > until:
                raise FailedError(f"{self.done()} of {events} events after {patience_s:.0f} s")
            time.sleep(LOOK_S)
        return time.monotonic()

    def window(self, warm_up_s: float, seconds: float) -> Window:
        """Return what a window of `seconds` shows, `warm_up_s` after the first commit or when half is done.

        It may end with the topic.
        """
        first = self.wait(1, FIRST_S)
        while time.monotonic() < first + warm_up_s and self.done() < self._stand.events // 2:
            time.sleep(LOOK_S)
        began, before = self._next_change()
        effort = self._effort()
        ended, after = began, before
        while time.monotonic() < began + seconds and after < self._stand.events:
            time.sleep(LOOK_S)
            now = self.done()
            if now > after:
                ended, after = time.monotonic(), now
            elif time.monotonic() - ended > STUCK_S:
                raise FailedError(f"nothing was committed for {STUCK_S:.0f} s")
        if after <= before:
            raise FailedError("it was at the end before the window began: more events are needed")
        engine, broker = (now - then for now, then in zip(self._effort(), effort, strict=True))
        count = after - before
        return Window(
            events_per_s=count / (ended - began),
            events=count,
            seconds=ended - began,
            start_up_s=first - self.started,
            engine_us=engine * 1e6 / count,
            broker_us=broker * 1e6 / count,
            mb=self.megabytes(),
        )

    def _next_change(self) -> tuple[float, int]:
        before = self.done()
        until = time.monotonic() + STUCK_S
        while (now := self.done()) == before and before < self._stand.events:
            if time.monotonic() > until:
                raise FailedError(f"nothing was committed for {STUCK_S:.0f} s")
            time.sleep(LOOK_S)
        return time.monotonic(), now

    def _effort(self) -> tuple[float, float]:
        """Return the processor seconds of the engine and of the broker."""
        broker = self._stand.broker.pid
        return sum(processor_s(one.pid) for one in self._processes), processor_s(broker) if broker else 0.0

    def megabytes(self) -> float:
        """Return the resident memory of the largest of the engine's processes."""
        return max(resident_mb(one.pid) for one in self._processes)


def processor_s(pid: int) -> float:
    try:
        facts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(facts[11]) + int(facts[12])) / TICKS


def resident_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0
