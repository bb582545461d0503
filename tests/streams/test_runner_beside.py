"""Transactions beside the batches: fenced as they are, moving nothing."""

import copying
import pytest
from copying_line import PARTITIONS

from penstock.streams.job import Inbound
from penstock.streams.transaction import TransactionAborted

PAST = [Inbound(0, 0, b"k", None, 0)]


@pytest.fixture
def running(line):
    line.give(30)
    runner = line.runner()
    line.run(runner)
    line.runner_ = runner
    return line


def beside(line, before_offsets=lambda _: None, partition=0):
    work = copying.Copy(PAST, line.copies, before_offsets)
    return line.runner_.beside(work, partition), work.told


def test_it_commits_and_moves_no_position(running):
    assert running.runner_.positions() == dict.fromkeys(range(PARTITIONS), 10)
    assert beside(running) == (True, ["committed"])
    assert running.offsets() == [10] * PARTITIONS
    expected = running.expected()
    expected[0].append(copying.copied(PAST[0]))
    assert running.copied() == expected
    running.give(30)
    running.run(running.runner_, until=lambda: running.offsets() == [20] * PARTITIONS)


def test_aborted_it_leaves_nothing_and_the_batches_go_on(running):
    def stumble(_):
        raise TransactionAborted("scripted")

    assert beside(running, stumble) == (False, ["aborted"])
    assert running.copied() == running.expected()
    running.give(30)
    assert running.run(running.runner_, until=lambda: running.offsets() == [20] * PARTITIONS) == 30
    assert running.copied() == running.expected()


def test_what_the_work_raises_comes_out_after_the_abort(running):
    def stumble(_):
        raise KeyError

    with pytest.raises(KeyError):
        beside(running, stumble)
    assert running.copied() == running.expected()
    assert beside(running) == (True, ["committed"])


def test_a_partition_that_is_not_ours_is_left_alone(running):
    assert beside(running, partition=PARTITIONS) == (False, ["aborted"])
    running.runner_._member._on_revoke(None, running.runner_._member.offsets({0: 0}))
    assert 0 not in running.runner_.positions()
    assert beside(running) == (False, ["aborted"])
    assert running.copied() == running.expected()


def test_a_membership_that_is_over_cannot_commit(running):
    """As a worker that was paused: another process joined in its place, and it has not heard of it."""
    successor = running.runner()
    running.give(3)
    running.run(successor, until=lambda: sum(running.offsets()) == 33)
    runner = running.runner_
    runner._producer.renew()  # so that only the group can tell
    told = beside(running)
    assert told == (False, ["aborted"])
    assert running.copied() == running.expected()


def test_positions_are_known_of_partitions_that_are_quiet(running, wait_until):
    """The slot's next incarnation knows where it stands before anything new arrives, and takes over first."""
    fresh = running.runner()
    told = []
    fresh._job.taken_over = lambda: told.append(dict(fresh.positions()))
    wait_until(lambda: fresh.step() == 0 and len(fresh.positions()) == PARTITIONS)
    assert fresh.positions() == dict.fromkeys(range(PARTITIONS), 10)
    assert told[0] == {}
