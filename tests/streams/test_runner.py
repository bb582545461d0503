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
from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition
from copying_line import CANARY, PARTITIONS

from penstock.schemas.ecosystem import ExchangeManner
from penstock.schemas.errors import RoleExit, UnavailableError
from penstock.streams import member as module
from penstock.streams.pace import FIRST
from penstock.streams.runner import Runner
from penstock.streams.transaction import TransactionAborted, TransactionOutdated


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

    runner._job.prepare = prepare
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
def test_a_record_that_nobody_foresaw_is_put_aside_and_its_neighbours_go_on(line, where, caplog):
    def fail(batch):
        if (1, 70) in {(one.partition, one.offset) for one in batch}:
            raise KeyError(CANARY)

    def prepare(batch):
        if where == "prepare":
            fail(batch)
        return copying.Copy(batch, line.copies, lambda _: fail(batch) if where == "produce" else None)

    line.give(600)
    runner = line.runner(prepare)
    line.run(runner)
    assert [(one.partition, one.offset) for one in runner._job.isolated] == [(1, 70)]
    expected = line.expected()
    del expected[1][70]
    assert line.copied() == expected
    assert "KeyError at test_runner.py:" in caplog.text
    assert CANARY not in caplog.text
    line.give(3)
    assert line.run(runner, until=lambda: line.offsets() == [201, 201, 201]) == 3


def test_a_record_that_cannot_even_be_put_aside_ends_the_role(line):
    def fail(*_):
        raise KeyError(CANARY)

    line.give(3)
    broken = line.runner(fail)
    broken._job.isolate = fail
    with pytest.raises(RoleExit) as raised:
        line.run(broken)
    said = str(raised.value)
    assert "KeyError at test_runner.py:" in said
    assert CANARY not in said
    assert raised.value.__suppress_context__
    line.run(line.runner())
    assert line.copied() == line.expected()


def test_a_second_slot_takes_its_part_and_nothing_is_lost_or_repeated(line):
    """Records flow all the while; both slots work; one leaves, the other takes everything over again."""
    done, stops, failures = Counter(), {slot: threading.Event() for slot in "01"}, []

    def serve(slot):
        runner = Runner(line.cluster, line.source, line.group, slot, copying.Copying(line.copy))
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
    other.send_offsets_to_transaction(pending, runner._member.consumer.consumer_group_metadata(), 10)
    ending = threading.Timer(0.7, other.abort_transaction)
    ending.start()
    started = time.monotonic()
    runner._member.rewind()
    assert time.monotonic() - started > 0.5
    ending.join()
    line.give(30)
    line.run(runner, until=lambda: sum(line.offsets()) == 60)
    assert line.copied() == line.expected()


def test_what_was_revoked_in_the_meantime_is_left_to_its_new_owner(line):
    line.give(30)
    runner = line.runner()
    line.run(runner)
    runner._member._on_revoke(None, [TopicPartition(line.source, 0)])
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
    consumer, asked = runner._member.consumer, []

    def rewound(*partitions, **more):
        asked.append(partitions)
        return consumer.committed(*partitions, **more)

    runner._member.consumer = Around(consumer, memberid=lambda: member_id, committed=rewound)
    line.run(runner, until=lambda: len(asked) == 2)
    assert line.works == []
    runner._member.consumer = consumer
    line.run(runner)
    assert line.copied() == line.expected()


def test_the_groups_metadata_is_of_the_moment_the_batch_was_read(line):
    """Asked for later it could name a membership that no longer owns the batch's partitions."""
    calls = []

    def prepare(batch):
        calls.append("prepare")
        return line.copy(batch)

    runner = line.runner(prepare)
    consumer = runner._member.consumer
    watched = ("consume", "consumer_group_metadata")
    runner._member.consumer = Around(
        consumer,
        **{name: lambda *words, name=name: calls.append(name) or getattr(consumer, name)(*words) for name in watched},
    )
    line.give(30)
    line.run(runner)
    first = calls.index("prepare")
    assert calls[first - 2 : first] == ["consume", "consumer_group_metadata"]
    assert all(after == "consume" for call, after in itertools.pairwise(calls) if call == "prepare")


def failing(failure):
    def fail(*_, **__):
        raise failure if isinstance(failure, Exception) else KafkaException(KafkaError(failure))

    return fail


def unsettled(*_, **__):
    """An answer that an open transaction holds back."""
    return [Around(TopicPartition("t", 0), error=KafkaError(16))]


def test_committed_offsets_that_cannot_be_read_are_asked_for_again(line):
    """What is read meanwhile, so that a rebalance or an end is heard of, is read again."""
    line.give(30)
    runner = line.runner()
    line.run(runner)
    line.give(30)
    consumer = runner._member.consumer
    answers = iter([failing(KafkaError._TIMED_OUT), unsettled])

    def committed(*words, **more):
        return next(answers, consumer.committed)(*words, **more)

    runner._member.consumer = Around(consumer, committed=committed)
    assert sum(runner._member.rewind().values()) == 30
    assert next(answers, None) is None
    line.run(runner, until=lambda: sum(line.offsets()) == 60)
    assert line.copied() == line.expected()


@pytest.mark.parametrize("answer", [failing(KafkaError._TIMED_OUT), unsettled], ids=["silence", "unsettled"])
def test_who_never_hears_what_is_committed_ends_where_kafka_is_there(line, monkeypatch, answer):
    monkeypatch.setattr(module, "REWIND_S", 0.4)
    line.give(30)
    runner = line.runner()
    line.run(runner)
    runner._member.consumer = Around(runner._member.consumer, committed=answer)
    with pytest.raises(RoleExit, match="Kafka is there"):
        runner._member.rewind()


def test_who_never_hears_what_is_committed_waits_where_kafka_is_not(line, monkeypatch):
    monkeypatch.setattr(module, "REWIND_S", 0.4)
    line.give(30)
    runner = line.runner()
    line.run(runner)
    monkeypatch.setattr(module, "holder_of", failing(UnavailableError("scripted")))
    consumer = runner._member.consumer
    runner._member.consumer = Around(consumer, committed=failing(KafkaError._TIMED_OUT))
    with pytest.raises(UnavailableError, match="scripted"):
        runner._member.rewind()
    runner._member.consumer = consumer
    line.give(30)
    line.run(runner, until=lambda: sum(line.offsets()) == 60)
    assert line.copied() == line.expected()


def test_who_was_replaced_hears_of_it_while_it_asks_what_is_committed(line):
    """Seen on the fault bench: a worker stopped beside a broken Kafka, and replaced, asked for ever."""
    line.give(30)
    zombie = line.runner()
    line.run(zombie)
    successor = line.runner()
    line.give(30)
    line.run(successor, until=lambda: sum(line.offsets()) == 60)
    zombie._member.consumer = Around(zombie._member.consumer, committed=failing(KafkaError._TIMED_OUT))
    with pytest.raises(RoleExit, match="replaced or fenced"):
        zombie._member.rewind()
    line.give(30)
    line.run(successor, until=lambda: sum(line.offsets()) == 90)
    assert line.copied() == line.expected()


def test_a_seek_that_fails_ends_the_role_unless_the_partition_does_not_run(line):
    line.give(30)
    runner = line.runner()
    line.run(runner)
    consumer = runner._member.consumer
    runner._member.consumer = Around(consumer, seek=failing(KafkaError._STATE))
    runner._member.rewind()
    runner._member.consumer = Around(consumer, seek=failing(KafkaError._TIMED_OUT))
    with pytest.raises(RoleExit):
        runner._member.rewind()
    runner._member.consumer = consumer


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


@pytest.mark.alone
def test_one_record_on_a_quiet_topic_is_copied_within_tens_of_milliseconds(line):
    runner = line.runner()
    line.give(3)
    line.run(runner)
    producer = Producer({"bootstrap.servers": line.cluster.bootstrap, "linger.ms": 0})
    producer.list_topics(line.source, 10)
    took = []
    for _ in range(15):
        started = time.monotonic()
        producer.produce(line.source, CANARY.encode(), partition=0)
        while not runner.step():
            producer.poll(0)
        took.append(time.monotonic() - started)
    assert sorted(took)[len(took) // 2] < 0.1


def test_a_backlog_is_done_in_large_batches(line):
    line.give(6_000)
    line.run(line.runner(manner=ExchangeManner(transaction_records=2_000)))
    sizes = [len(work._records) for work in line.works]
    assert sizes[0] <= FIRST, "it begins small, since nobody knows how long a record takes"
    assert FIRST < max(sizes) <= 2_000
    assert line.copied() == line.expected()


def test_what_is_out_of_date_is_decided_again_at_once_with_fewer_if_it_took_too_long(line):
    outdated = iter([TransactionOutdated("scripted", too_long=True)] * 3)

    def stumble(_):
        for one in outdated:
            raise one

    def prepare(batch):
        line.works.append(copying.Copy(batch, line.copies, stumble))
        return line.works[-1]

    runner = line.runner(prepare)
    line.give(600)
    line.run(runner)
    assert runner._job.isolated == []
    assert not runner._suspects.looking
    assert [work.told for work in line.works[:4]] == [["aborted"]] * 3 + [["committed"]]
    assert len(line.works[3]._records) <= FIRST // 8
    assert line.copied() == line.expected()
