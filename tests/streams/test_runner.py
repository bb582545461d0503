"""The runner on a real broker: every record's effects once, whatever aborts, waits, joins, is replaced or killed."""

import itertools
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from pathlib import Path

import copying
import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from penstock.schemas.errors import RoleExit, UnavailableError
from penstock.streams import runner as module
from penstock.streams.runner import Runner
from penstock.streams.transaction import TransactionAborted

PARTITIONS = 3
CANARY = "a-value-that-no-log-may-hold"


class Line:
    """A provider topic, a topic of copies, and a lane between them."""

    def __init__(self, cluster, hands, closing):
        self.cluster, self.hands, self._closing = cluster, hands, closing
        self.source, self.copies = hands.topic(partitions=PARTITIONS), hands.topic(partitions=PARTITIONS)
        self.group = f"lane-{uuid.uuid4().hex[:8]}"
        self.given = 0
        self.works = []

    def give(self, count):
        """Publish records, as a publisher does: committed, to every partition."""
        producer = Producer({"bootstrap.servers": self.cluster.bootstrap, "linger.ms": 5, "enable.idempotence": True})
        producer.list_topics(self.source, 10)  # else the client looks for the topic half a second later
        for number in range(count):
            producer.produce(self.source, CANARY.encode(), key=b"k", partition=number % PARTITIONS)
        assert producer.flush(20) == 0
        self.given += count

    def copy(self, batch):
        self.works.append(copying.Copy(batch, self.copies, lambda _: None))
        return self.works[-1]

    def runner(self, prepare=None, slot="0"):
        runner = self._closing(Runner(self.cluster, self.source, self.group, slot, prepare or self.copy))
        runner.start()
        return runner

    def run(self, runner, until=None, timeout_s=30.0):
        """Step until everything given is copied (or `until` holds); return how many records were done."""
        done, deadline = 0, time.monotonic() + timeout_s
        while not (until() if until else done >= self.given):
            assert time.monotonic() < deadline, f"{done} of {self.given} done"
            done += runner.step()
        return done

    def copied(self, *, committed=True):
        """Copies per partition, in order."""
        isolation = "read_committed" if committed else "read_uncommitted"
        consumer = Consumer({**self.cluster.reader(), "auto.offset.reset": "earliest", "isolation.level": isolation})
        consumer.assign([TopicPartition(self.copies, one, 0) for one in range(PARTITIONS)])
        found, ended = {one: [] for one in range(PARTITIONS)}, set()
        while len(ended) < PARTITIONS:
            for message in consumer.consume(1000, 0.1):
                if message.error() is None:
                    found[message.partition()].append(message.value())
                else:
                    assert message.error().code() == KafkaError._PARTITION_EOF
                    ended.add(message.partition())
        consumer.close()
        return found

    def expected(self):
        each = [self.given // PARTITIONS + (one < self.given % PARTITIONS) for one in range(PARTITIONS)]
        return {
            one: [copying.copied(module.Inbound(one, offset, None, None, 0)) for offset in range(each[one])]
            for one in range(PARTITIONS)
        }

    def offsets(self):
        """The group's offsets as an onlooker sees them."""
        consumer = Consumer(
            {"bootstrap.servers": self.cluster.bootstrap, "group.id": self.group, "isolation.level": "read_uncommitted"}
        )
        found = consumer.committed([TopicPartition(self.source, one) for one in range(PARTITIONS)], timeout=10)
        consumer.close()
        return [max(one.offset, 0) for one in found]


@pytest.fixture
def line(cluster, hands, closing):
    return Line(cluster, hands, closing)


def test_copies_and_offsets_appear_together(line):
    seen = []

    def look(_):
        seen.append((line.copied(), line.offsets()))

    line.give(300)
    line.run(line.runner(lambda batch: copying.Copy(batch, line.copies, look)))
    assert seen[0] == ({one: [] for one in range(PARTITIONS)}, [0, 0, 0])
    for copies, offsets in seen:
        assert [len(copies[one]) for one in range(PARTITIONS)] == offsets
    assert line.copied() == line.expected()
    assert line.offsets() == [100, 100, 100]


def test_an_aborted_batch_is_done_again_once_and_says_the_same(line):
    line.give(30)
    runner = line.runner()
    line.run(runner)
    failures = iter([TransactionAborted("scripted"), TransactionAborted("scripted")])

    def stumble(_):
        for failure in failures:
            wait_until_sent(line, 60)
            raise failure

    def prepare(batch):
        line.works.append(copying.Copy(batch, line.copies, stumble))
        return line.works[-1]

    runner._prepare = prepare
    line.give(30)
    line.run(runner, until=lambda: line.offsets() == [20, 20, 20])
    assert line.copied() == line.expected()
    assert [work.told for work in line.works if work.told == ["aborted"]] == [["aborted"]] * 2
    repeated = Counter(copy for copies in line.copied(committed=False).values() for copy in copies)
    assert set(repeated) == {copy for copies in line.expected().values() for copy in copies}
    assert max(repeated.values()) == 3


def wait_until_sent(line, count):
    deadline = time.monotonic() + 10
    while sum(len(copies) for copies in line.copied(committed=False).values()) < count:
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("where", ["prepare", "produce"])
def test_a_batch_that_must_wait_is_neither_lost_nor_repeated(line, where):
    waits = itertools.count()

    def stumble(_=None):
        if next(waits) < 3:
            raise UnavailableError("the key store does not answer")

    def prepare(batch):
        if where == "prepare":
            stumble()
        return copying.Copy(batch, line.copies, stumble if where == "produce" else lambda _: None)

    runner = line.runner(prepare)
    line.give(90)
    for _ in range(3):
        with pytest.raises(UnavailableError):
            line.run(runner)
        line.give(9)
    line.run(runner, until=lambda: sum(line.offsets()) == line.given)
    assert line.copied() == line.expected()


@pytest.mark.parametrize("where", ["prepare", "produce"])
def test_an_unexpected_failure_ends_the_role_and_tells_no_value(line, where, caplog):
    def fail(_=None):
        raise KeyError(CANARY)

    line.give(3)
    broken = line.runner(fail if where == "prepare" else lambda batch: copying.Copy(batch, line.copies, fail))
    with pytest.raises(RoleExit) as raised:
        line.run(broken)
    said = str(raised.value)
    assert "KeyError at test_runner.py:" in said
    assert CANARY not in said + caplog.text
    assert raised.value.__suppress_context__
    line.run(line.runner())
    assert line.copied() == line.expected()


def test_a_second_slot_takes_its_part_and_nothing_is_lost_or_repeated(line):
    """Records flow all the while; both slots work; one leaves, the other takes everything over again."""
    done, stops, failures = Counter(), {slot: threading.Event() for slot in "01"}, []

    def serve(slot):
        runner = Runner(line.cluster, line.source, line.group, slot, line.copy)
        try:
            runner.start()
            while not stops[slot].is_set():
                done[slot] += runner.step()
        except BaseException as failure:
            failures.append(failure)
            raise
        finally:
            runner.close()

    threads = {slot: threading.Thread(target=serve, args=(slot,)) for slot in "01"}
    flow(line, threads["0"].start, lambda: done["0"] > 0)
    flow(line, threads["1"].start, lambda: done["1"] > 100)
    before = done["0"]
    flow(line, lambda: None, lambda: done["0"] > before)
    stops["1"].set()
    threads["1"].join()
    flow(line, lambda: None, lambda: sum(line.offsets()) == line.given, more=False)
    stops["0"].set()
    threads["0"].join()
    assert failures == []
    assert line.copied() == line.expected()


def flow(line, begin, until, *, more=True):
    begin()
    deadline = time.monotonic() + 40
    while not until():
        assert time.monotonic() < deadline
        if more:
            line.give(30)
        time.sleep(0.02)


def test_the_same_slot_twice_ends_the_older_one(line):
    line.give(30)
    first = line.runner()
    line.run(first)
    second = line.runner()
    line.give(30)
    line.run(second, until=lambda: sum(line.offsets()) == 60)
    with pytest.raises(RoleExit):
        line.run(first, until=lambda: False, timeout_s=20)
    line.give(30)
    line.run(second, until=lambda: sum(line.offsets()) == 90)
    assert line.copied() == line.expected()


@pytest.mark.parametrize("where", ["before", "after"])
def test_kill_9_in_a_transaction_loses_and_repeats_nothing(line, where):
    """Killed with everything produced, before or after the offsets were sent; the slot's next process does it all."""
    line.give(60)
    script = Path(copying.__file__)
    command = [sys.executable, str(script), line.cluster.bootstrap, line.source, line.copies, line.group, "0", where]
    worker = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    with worker:
        assert worker.stdout.readline() == "open\n"
        worker.kill()
    assert sum(len(copies) for copies in line.copied().values()) == 0
    attempted = {copy for copies in line.copied(committed=False).values() for copy in copies}
    assert attempted
    started = time.monotonic()
    line.run(line.runner())
    assert time.monotonic() - started < 15
    assert line.copied() == line.expected()
    assert attempted <= {copy for copies in line.expected().values() for copy in copies}


def test_a_rewind_waits_for_an_unfinished_transaction(line):
    """Offsets of the group hang in another transaction: the answer comes when that one ends, and is right."""
    line.give(30)
    runner = line.runner()
    line.run(runner)
    other = Producer({"bootstrap.servers": line.cluster.bootstrap, "transactional.id": uuid.uuid4().hex})
    other.list_topics(timeout=10)
    other.init_transactions(10)
    other.begin_transaction()
    pending = [TopicPartition(line.source, one, 5) for one in range(PARTITIONS)]
    other.send_offsets_to_transaction(pending, runner._consumer.consumer_group_metadata(), 10)
    ending = threading.Timer(0.7, other.abort_transaction)
    ending.start()
    started = time.monotonic()
    runner._rewind()
    assert time.monotonic() - started > 0.5
    ending.join()
    line.give(30)
    line.run(runner, until=lambda: sum(line.offsets()) == 60)
    assert line.copied() == line.expected()


def test_what_was_revoked_in_the_meantime_is_left_to_its_new_owner(line):
    line.give(30)
    runner = line.runner()
    line.run(runner)
    runner._on_revoke(None, [TopicPartition(line.source, 0)])
    line.give(30)
    line.run(runner, until=lambda: line.offsets() == [10, 20, 20])
    for _ in range(5):
        assert runner.step() == 0
    assert [len(copies) for copies in line.copied().values()] == [10, 20, 20]


# --- what the consumer seldom says, scripted over the real one ---


class Around:
    """A consumer of which some calls are replaced."""

    def __init__(self, consumer, **replaced):
        self._consumer = consumer
        self._replaced = replaced

    def __getattr__(self, name):
        return self._replaced.get(name) or getattr(self._consumer, name)


@pytest.mark.parametrize("member_id", ["", None])
def test_without_a_member_id_nothing_is_committed(line, member_id):
    line.give(30)
    runner = line.runner()
    consumer, asked = runner._consumer, []

    def rewound(*partitions, **more):
        asked.append(partitions)
        return consumer.committed(*partitions, **more)

    runner._consumer = Around(consumer, memberid=lambda: member_id, committed=rewound)
    line.run(runner, until=lambda: len(asked) == 2)
    assert line.works == []
    runner._consumer = consumer
    line.run(runner)
    assert line.copied() == line.expected()


def test_the_groups_metadata_is_of_the_moment_the_batch_was_read(line):
    """Asked for later it could name a membership that no longer owns the batch's partitions."""
    calls = []

    def prepare(batch):
        calls.append("prepare")
        return line.copy(batch)

    runner = line.runner(prepare)
    consumer = runner._consumer
    watched = ("consume", "consumer_group_metadata")
    runner._consumer = Around(
        consumer,
        **{name: lambda *words, name=name: calls.append(name) or getattr(consumer, name)(*words) for name in watched},
    )
    line.give(30)
    line.run(runner)
    first = calls.index("prepare")
    assert calls[first - 2 : first] == ["consume", "consumer_group_metadata"]
    assert all(after == "consume" for call, after in itertools.pairwise(calls) if call == "prepare")


def failing(code):
    def fail(*_, **__):
        raise KafkaException(KafkaError(code))

    return fail


def test_committed_offsets_that_cannot_be_read_are_asked_for_again_then_end_the_role(line, monkeypatch):
    monkeypatch.setattr(module, "REWIND_S", 0.4)
    monkeypatch.setattr(module, "ASK_AGAIN_S", 0.02)
    line.give(30)
    runner = line.runner()
    line.run(runner)
    consumer = runner._consumer
    unknown = TopicPartition(line.source, 0)
    answers = iter([failing(KafkaError._TIMED_OUT), lambda *_, **__: [Around(unknown, error=KafkaError(16))]])

    def committed(*words, **more):
        return next(answers, consumer.committed)(*words, **more)

    runner._consumer = Around(consumer, committed=committed)
    runner._rewind()
    assert next(answers, None) is None
    for answer in (failing(KafkaError._TIMED_OUT), lambda *_, **__: [Around(unknown, error=KafkaError(16))]):
        runner._consumer = Around(consumer, committed=answer)
        with pytest.raises(RoleExit):
            runner._rewind()
    runner._consumer = consumer
    line.give(30)
    line.run(runner, until=lambda: sum(line.offsets()) == 60)
    assert line.copied() == line.expected()


def test_a_seek_that_fails_ends_the_role_unless_the_partition_does_not_run(line):
    line.give(30)
    runner = line.runner()
    line.run(runner)
    consumer = runner._consumer
    runner._consumer = Around(consumer, seek=failing(KafkaError._STATE))
    runner._rewind()
    runner._consumer = Around(consumer, seek=failing(KafkaError._TIMED_OUT))
    with pytest.raises(RoleExit):
        runner._rewind()
    runner._consumer = consumer


def test_a_partition_without_a_committed_offset_is_read_from_its_beginning(line):
    line.give(30)
    waits = iter([UnavailableError("not yet")])

    def prepare(batch):
        for wait in waits:
            raise wait
        return line.copy(batch)

    runner = line.runner(prepare)
    with pytest.raises(UnavailableError):
        line.run(runner)
    line.run(runner)
    assert line.copied() == line.expected()
