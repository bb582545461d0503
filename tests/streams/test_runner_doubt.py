"""In doubt the runner goes on with a fresh producer, in the same process, and reads what became of the last one."""

import os
import threading
import time
from pathlib import Path

import copying
import pytest
from copying_line import Line
from kafka_proxy import end_of_transaction

from penstock.schemas.ecosystem import ExchangeManner
from penstock.schemas.errors import RoleExit
from penstock.streams import transaction as module
from penstock.streams.settings import Cluster


class Hasty(Cluster):
    """A cluster whose clients give a connection up after 2.9 s."""

    def transactional(self, transactional_id):
        return {**super().transactional(transactional_id), "transaction.timeout.ms": 3_000}


@pytest.fixture
def proxied(guarded, hands_on, closing):
    """A lane on a broker behind a proxy; its runner reaches Kafka through that."""
    line = Line(Cluster(guarded.broker.bootstrap), hands_on(guarded.broker.bootstrap), closing)
    line.proxy, line.behind = guarded.proxy, Hasty(guarded.bootstrap("PROXIED"))
    return line


@pytest.mark.parametrize("cut", [True, False], ids=["reset", "stall"])
def test_an_end_that_arrives_late_ends_no_other_transaction(proxied, cut, monkeypatch):
    """Kept back: the request that commits. It arrives while the next transaction is open, which then must abort."""
    monkeypatch.setattr(module, "BUDGET_S", 1.2)
    late = threading.Event()

    def deliver(transaction):
        if proxied.proxy.kept.is_set() and not late.is_set():
            assert transaction._producer.flush(10) == 0
            proxied.proxy.deliver()
            late.set()
            raise module.TransactionAborted("scripted")

    def prepare(batch):
        proxied.works.append(copying.Copy(batch, proxied.copies, deliver))
        return proxied.works[-1]

    runner = proxied.runner(prepare, cluster=proxied.behind)
    proxied.give(30)
    proxied.run(runner)
    proxied.proxy.keep_first(end_of_transaction, cut=cut)
    proxied.give(30)
    proxied.run(runner, until=lambda: sum(proxied.offsets()) == 60)
    proxied.give(30)
    proxied.run(runner, until=lambda: late.is_set() and sum(proxied.offsets()) == 90)
    assert proxied.copied() == proxied.expected()
    told = [work.told for work in proxied.works]
    assert all(len(each) == 1 for each in told), "each work hears once how it ended"
    assert sum(len(work._records) for work in proxied.works if work.told == ["committed"]) == 90


def test_what_got_no_answer_but_is_committed_is_not_done_again(line):
    """The broker did it; only the answer is missing."""
    runner = line.runner()
    line.give(30)
    line.run(runner)
    producer = runner._producer
    commit = producer._commit

    def unheard():
        commit()
        producer._open, producer._commit = True, commit
        raise module.InDoubt("scripted")

    producer._commit = unheard
    line.give(30)
    line.run(runner, until=lambda: sum(line.offsets()) == 60)
    assert runner.step() == 0
    assert line.copied(committed=False) == line.expected(), "nothing was produced twice"
    assert [work.told for work in line.works if work.told != ["committed"]] == []
    line.give(3)
    line.run(runner, until=lambda: sum(line.offsets()) == 63)
    assert line.copied() == line.expected()


def test_who_was_replaced_ends_and_does_not_fence_its_successor(line):
    """A zombie in doubt: were it to renew itself, its legitimate successor would be the one that is fenced."""
    line.give(30)
    zombie = line.runner()
    line.run(zombie)
    successor = line.runner()
    line.give(30)
    line.run(successor, until=lambda: sum(line.offsets()) == 60)
    zombie._due.renewal = True
    with pytest.raises(RoleExit):
        line.run(zombie, until=lambda: False)
    line.give(30)
    line.run(successor, until=lambda: sum(line.offsets()) == 90)
    assert not any(work.told == ["aborted"] for work in line.works)
    assert line.copied() == line.expected()


def test_a_successor_in_the_group_is_seen_before_the_consumer_hears_of_it(line):
    line.give(30)
    zombie = line.runner()
    line.run(zombie)
    zombie._member.require_ours()
    successor = line.runner()
    line.give(3)
    line.run(successor, until=lambda: sum(line.offsets()) == 33)
    with pytest.raises(RoleExit, match="taken this slot over"):
        zombie._member.require_ours()


@pytest.mark.parametrize("when", ["before", "in produce", "in flush", "at the offsets", "with an error of its own"])
def test_who_is_fenced_ends_and_never_renews_itself(line, when, producer_of):
    """As a command does to a silent slot: it takes the id over, and the group's membership is as it was."""
    line.give(30)
    fenced = []

    def at(point):
        if point == when and not fenced:
            fenced.append(producer_of(runner.transactional_id))

    class Fenced(copying.Copy):
        def produce(self, transaction):
            at("in produce")
            super().produce(transaction)
            assert transaction._producer.flush(10) == 0 or when == "in produce"
            at("in flush")
            super().produce(transaction)

        def check(self):
            at("at the offsets")
            at("with an error of its own")
            assert when != "with an error of its own"

    runner = line.runner()
    line.run(runner)
    renewed, renew = [], runner._producer.renew
    runner._producer.renew = lambda: renewed.append(renew())
    runner._job.prepare = lambda batch: Fenced(batch, line.copies, lambda _: None)
    at("before")
    line.give(30)
    with pytest.raises(RoleExit):
        line.run(runner, until=lambda: False, timeout_s=20)
    assert fenced
    assert renewed == []
    with fenced[0].transaction() as transaction:
        transaction.produce(line.copies, b"the successor is as it was", partition=0)
    assert sum(line.offsets()) == 30


def test_a_hundred_renewals_leave_nothing_behind(line):
    runner = line.runner()
    line.give(3)
    line.run(runner)
    threads = tasks()
    for _ in range(10):
        runner._producer.renew()
    settle_threads(threads + 8)
    resident = resident_kib()
    for _ in range(100):
        runner._producer.renew()
    settle_threads(threads + 8)
    assert resident_kib() - resident < 30_000, "KiB; a client alone holds about a megabyte"
    line.give(3)
    line.run(runner, until=lambda: sum(line.offsets()) == 6)
    assert line.copied() == line.expected()


def settle_threads(most):
    deadline = time.monotonic() + 20
    while tasks() > most:
        assert time.monotonic() < deadline, f"{tasks()} threads are alive"
        time.sleep(0.05)


def tasks():
    return len(list(Path("/proc/self/task").iterdir()))


def resident_kib():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


def test_a_paranoid_runner_begins_each_transaction_in_a_fresh_epoch(line):
    runner = line.runner(manner=ExchangeManner(paranoid=True, transaction_records=10))
    seen = []

    def prepare(batch):
        seen.append(runner._producer._producer)
        return line.copy(batch)

    runner._job.prepare = prepare
    line.give(60)
    line.run(runner)
    assert len(seen) == len(set(map(id, seen))) >= 6
    assert line.copied() == line.expected()
