"""The transaction runner with single defences taken away, to see what each of them prevents. For tests only.

A `Line` is a topic of input, a topic of copies and runners between them; an anomaly is found by comparing the two.
"""

import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import copying
from confluent_kafka import Producer, TopicPartition
from copies import Verdict, committed_offsets, judge

from penstock.schemas.errors import UnavailableError
from penstock.streams.job import Inbound
from penstock.streams.member import Member
from penstock.streams.runner import Runner
from penstock.streams.settings import Cluster
from penstock.streams.topics import TopicSpec, ensure
from penstock.streams.transaction import Transaction

PARTITIONS = 2
Hook = Callable[[Transaction], None]


class Line:
    """`cluster` is for the runners, `plain` for everybody else: no fault lies on that way."""

    def __init__(self, cluster: Cluster, plain: Cluster) -> None:
        name = uuid.uuid4().hex[:8]
        self.cluster, self.plain = cluster, plain
        self.source, self.copies, self.group = f"given-{name}", f"copies-{name}", f"lane-{name}"
        ensure(plain, [TopicSpec(self.source, PARTITIONS), TopicSpec(self.copies, PARTITIONS)])
        self.given = 0
        self._closing = ExitStack()

    def give(self, count: int, *partitions: int) -> None:
        """Publish `count` records to each of `partitions`, or to each there is."""
        producer = Producer({**self.plain.producer(), "linger.ms": 0})
        for partition in partitions or range(PARTITIONS):
            for _ in range(count):
                producer.produce(self.source, b"given", key=b"k", partition=partition)
            self.given += count
        assert producer.flush(20) == 0

    def copy(self, batch: list[Inbound], before_offsets: Hook = lambda _: None) -> copying.Copy:
        return copying.Copy(batch, self.copies, before_offsets)

    def hooked(self, before_offsets: Hook) -> copying.Copying:
        return copying.Copying(lambda batch: self.copy(batch, before_offsets))

    def runner(
        self,
        job: copying.Copying | None = None,
        kind: type[Runner] = Runner,
        member: type[Member] = Member,
        slot: str = "0",
    ) -> Runner:
        runner = kind(self.cluster, self.source, self.group, slot, job or copying.Copying(self.copy))
        self._closing.callback(runner.close)
        runner._member.__class__ = member
        runner.start()
        return runner

    def run(self, runner: Runner, until: Callable[[], object] | None = None, timeout_s: float = 30.0) -> None:
        """Step until everything given is committed, or until `until` holds after a step."""
        deadline = time.monotonic() + timeout_s
        while not (until() if until else self.is_done()):
            assert time.monotonic() < deadline, f"not done: {self.offsets()} of {self.given}"
            step(runner)

    def is_done(self) -> bool:
        return sum(self.offsets()) == self.given

    def offsets(self) -> list[int]:
        return committed_offsets(self.plain, self.group, self.source, PARTITIONS)

    def verdict(self) -> Verdict:
        return judge(self.plain, self.source, self.copies, PARTITIONS)

    def close(self) -> None:
        """Let every runner go; another may begin where they were."""
        self._closing.close()


def step(runner: Runner) -> int:
    """A step as the exchange takes it: where something does not answer, again."""
    try:
        return runner.step()
    except UnavailableError:
        return 0


@contextmanager
def another(line: Line) -> Iterator[Callable[[], int]]:
    """A runner of slot 1 at work in a thread; says how many records it has done."""
    over, done = threading.Event(), [0]

    def serve() -> None:
        runner = line.runner(slot="1")
        while not over.is_set():
            done[0] += runner.step()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield lambda: done[0]
    finally:
        over.set()
        thread.join()


# --- without something ---


class Dynamic(Cluster):
    """Members have no ids of their own, as most consumers have none."""

    def member(self, group: str, instance: str) -> dict[str, Any]:
        settings = super().member(group, instance)
        del settings["group.instance.id"]
        return settings


class Hasty(Cluster):
    """Clients give a connection up after 1.9 s."""

    def transactional(self, transactional_id: str) -> dict[str, Any]:
        return {**super().transactional(transactional_id), "transaction.timeout.ms": 2_000}


class AskedLate(Member):
    """The group's metadata is asked for when the offsets are sent."""

    @property
    def metadata(self) -> Any:  # type: ignore[override]
        return self.consumer.consumer_group_metadata()

    @metadata.setter
    def metadata(self, value: Any) -> None:
        """What was read with the batch is forgotten."""


class AskedOnce(Member):
    """The group's metadata is kept from the start, before there was a membership."""

    def join(self) -> None:
        self._kept = self.consumer.consumer_group_metadata()
        super().join()

    @property
    def metadata(self) -> Any:  # type: ignore[override]
        return self._kept

    @metadata.setter
    def metadata(self, value: Any) -> None:
        """What was read with the batch is forgotten."""


class Unfiltered(Member):
    """What the client hands out is taken for ours."""

    def _owned_only(self, messages: list[Any]) -> list[Any]:
        self._left.clear()
        return [one for one in messages if one.error() is None]


class Positioned(Member):
    """The client's positions are sent, as in its examples."""

    def offsets(self, after: Mapping[int, int]) -> list[TopicPartition]:
        if not any(after.values()):
            return super().offsets(after)  # a question, no answer
        return [one for one in self.consumer.position(self.consumer.assignment()) if one.offset >= 0]


def unwound(runner: Runner) -> None:
    """After an abort the runner does not go back."""
    runner._answer(committed=False)
    runner._due.rewind = False


class Unwound(Runner):
    """After an abort it goes on behind the batch."""

    def _rewind(self) -> None:
        unwound(self)


class Sure(Runner):
    """What became of a commit without an answer is not asked: it is taken for aborted, the batch is done again."""

    def _transact_batch(self, batch: list[Inbound]) -> None:
        self._first = {one.partition: one.offset for one in reversed(batch)}
        super()._transact_batch(batch)

    def _rewind(self) -> None:
        if self._attempt is None:
            super()._rewind()
            return
        for partition, offset in self._first.items():
            self._member._seek(partition, offset)
        unwound(self)


class SameAgain(Runner):
    """In doubt the same producer goes on, once it has aborted what is open."""

    def _renew(self) -> None:
        self._producer._abort()
        self._due.renewal, self._due.word = False, True
