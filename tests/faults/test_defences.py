"""Each defence of the transaction runner taken away, with those that cover for it: the anomaly it prevents appears.

Beside each such run stands the same with the defence, and with each cover alone: nothing is lost or repeated.
"""

import time
from contextlib import contextmanager

import pytest
from copies import Verdict
from copying import Copying
from undefended import PARTITIONS, AskedLate, AskedOnce, Dynamic, Positioned, Unfiltered, Unwound, another

from penstock.schemas.errors import UnavailableError
from penstock.streams.member import Member
from penstock.streams.runner import Runner
from penstock.streams.settings import Cluster
from penstock.streams.transaction import TransactionAborted

EACH = 10
WHOLE = EACH * PARTITIONS


def waiting_for_all(line, act):
    """A job that takes everything given in one batch, and does something before the first one is prepared."""

    def prepare(batch):
        if not job.acted:
            if len(batch) < line.given:
                raise UnavailableError("not everything is here yet")
            act()
            job.acted = True
        return line.copy(batch)

    job = Copying(prepare)
    job.acted = False
    return job


def overtaken(line, member):
    """While a batch is prepared its consumer lives on, and part of what it owns goes to another slot, which does it."""
    line.give(EACH)
    with another_when_asked(line) as overtake:
        job = waiting_for_all(line, lambda: overtake(lambda: runner._member.consumer.poll(0.02)))
        runner = line.runner(job, member=member)
        line.run(runner, until=lambda: job.acted)
        if member is not AskedOnce:  # with ids of their own, nothing at all is taken from such a member
            line.run(runner)
    return line.verdict()


@contextmanager
def another_when_asked(line):
    """`overtake(serve)` starts slot 1 and calls `serve`, for the client's callbacks, until it has done its part."""
    started = []

    def overtake(serve):
        done = started.append(another(line)) or started[0].__enter__()
        deadline = time.monotonic() + 20
        while done() < EACH:
            assert time.monotonic() < deadline
            found = serve()
            assert not found or found.error(), "everything was taken before"

    try:
        yield overtake
    finally:
        for one in started:
            one.__exit__(None, None, None)


@pytest.mark.parametrize(
    ("cluster", "member", "repeated"),
    [
        pytest.param(Cluster, Member, 0, id="everything"),
        pytest.param(Cluster, AskedLate, EACH, id="without early metadata"),
        pytest.param(Dynamic, Member, 0, id="without static ids"),
        pytest.param(Cluster, AskedOnce, 0, id="without a batch's own metadata"),
        pytest.param(Dynamic, AskedOnce, EACH, id="without both"),
    ],
)
def test_offsets_of_a_slot_that_was_overtaken(line_on, cluster, member, repeated):
    assert overtaken(line_on(cluster), member).repeated == repeated


@pytest.mark.parametrize(("member", "repeated"), [(Member, 0), (Unfiltered, EACH)])
def test_records_handed_out_after_their_partition_went(line_on, member, repeated):
    """One `take` is several calls of the client's: in between, partitions may go, with records of them in hand."""
    line = line_on()
    line.give(EACH)
    with another_when_asked(line) as overtake:
        runner = line.runner(member=member)
        runner._member.consumer = Slow(runner._member.consumer, overtake)
        line.run(runner)
    assert line.verdict().repeated == repeated


class Slow:
    """A consumer that, once it has everything, serves a rebalance before it hands it out."""

    def __init__(self, consumer, overtake):
        self._consumer, self._overtake = consumer, overtake
        self._taken = []

    def __getattr__(self, name):
        return getattr(self._consumer, name)

    def consume(self, count, wait_s):
        if self._overtake is None:
            return self._consumer.consume(count, wait_s)
        while len(self._taken) < WHOLE:
            found = self._consumer.consume(WHOLE, 0.1)
            if not found and not self._taken:
                return []
            self._taken += found
        overtake, self._overtake = self._overtake, None
        overtake(lambda: next(iter(self._consumer.consume(1, 0.02)), None))
        return self._taken


@pytest.mark.parametrize(
    ("kind", "member", "missing"),
    [
        pytest.param(Runner, Member, 0, id="everything"),
        pytest.param(Unwound, Member, 0, id="without rewind"),
        pytest.param(Runner, Positioned, 0, id="without own offsets"),
        pytest.param(Unwound, Positioned, EACH, id="without both"),
    ],
)
def test_offsets_of_what_was_read_and_not_done(line_on, kind, member, missing):
    """A batch must wait; before it comes again another partition's records are done, and the slot begins anew."""
    line, waits = line_on(), iter([UnavailableError("the store is away")])

    def prepare(batch):
        for wait in waits:
            raise wait
        return line.copy(batch)

    line.give(EACH, 0)
    runner = line.runner(Copying(prepare), kind, member)
    line.run(runner, until=lambda: next(waits, None) is None if runner._due.rewind else False)
    line.give(EACH, 1)
    line.run(runner, until=lambda: line.offsets()[1] == EACH)
    line.close()
    line.run(line.runner())
    assert line.verdict() == Verdict(missing=missing)


@pytest.mark.parametrize(("kind", "missing"), [(Runner, 0), (Unwound, EACH)])
def test_what_follows_an_aborted_batch(line_on, kind, missing):
    line, failures = line_on(), iter([TransactionAborted("scripted")])
    told = []

    def stumble(_):
        for failure in failures:
            told.append(failure)
            raise failure

    line.give(EACH, 0)
    runner = line.runner(line.hooked(stumble), kind)
    line.run(runner, until=lambda: told)
    line.give(EACH, 0)
    line.run(runner)
    assert line.verdict() == Verdict(missing=missing)
