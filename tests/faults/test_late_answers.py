"""Defences of the transaction runner against answers that come late or never, taken away as in test_defences.py."""

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import copying
import pytest
import stuck
from confluent_kafka import KafkaException, Producer
from copies import Verdict
from copying import Copying
from kafka_proxy import end_of_transaction
from undefended import Hasty, SameAgain, Sure, step

from penstock.schemas.errors import ConfigurationError, RoleExit
from penstock.streams import open_transaction, refusals, transaction
from penstock.streams.clients import make
from penstock.streams.outcomes import InDoubt
from penstock.streams.runner import Runner
from penstock.streams.suspects import Suspects
from penstock.streams.transaction import TransactionAborted, TransactionalProducer

PRODUCE, TXN_OFFSET_COMMIT = 0, 28
EACH = 10
CLEAN = Verdict()


def deaf(monkeypatch):
    monkeypatch.setattr(refusals.Witness, "log", lambda *_: None)


def patience(monkeypatch, seconds):
    """So long is waited for an answer. The client itself asks again after 1.9 s, where it is a hasty one."""
    for module in (open_transaction, transaction):
        monkeypatch.setattr(module, "BUDGET_S", seconds)


def delivering(proxy):
    """What a transaction does to let a request arrive that belongs to the one before; once."""
    delivered = []

    def deliver():
        if proxy.kept.is_set() and not delivered:
            delivered.append(proxy.deliver())
            return True
        return False

    return deliver


def late_commit(line, proxy, *, cut):
    """A commit is held up; the next transaction must be aborted, and meanwhile that commit arrives."""
    deliver = delivering(proxy)

    def stumble(open_one):
        if proxy.kept.is_set() and open_one._producer.flush(10) == 0 and deliver():
            raise TransactionAborted("scripted")

    proxy.keep_first(end_of_transaction, cut=cut)
    line.give(EACH)
    runner = line.runner(line.hooked(stumble))
    line.run(runner)
    line.give(EACH)
    line.run(runner)
    return line.verdict()


@pytest.mark.parametrize("witness", [True, False])
def test_a_commit_that_arrives_late_after_the_connection_broke(line_on, proxy, monkeypatch, witness):
    if not witness:
        deaf(monkeypatch)
    found = late_commit(line_on(late=True), proxy, cut=True)
    assert (found.repeated > 0) is not witness
    assert found.missing == found.strange == found.hanging == 0


@pytest.mark.parametrize("short", [True, False])
def test_a_commit_that_arrives_late_after_the_connection_stalled(line_on, proxy, monkeypatch, short):
    patience(monkeypatch, 1.2 if short else 8.0)
    deaf(monkeypatch)
    found = late_commit(line_on(Hasty, late=True), proxy, cut=False)
    assert (found.repeated > 0) is not short
    assert found.missing == found.strange == found.hanging == 0


@pytest.mark.parametrize("witness", [True, False])
def test_offsets_that_arrive_late_after_the_connection_broke(line_on, proxy, monkeypatch, witness):
    """They would take the group back to where it was: whoever has the slot next does it all again."""
    if not witness:
        deaf(monkeypatch)
    line, deliver = line_on(late=True), delivering(proxy)

    def offsets_then_late_ones(open_one):
        send = open_one.send_offsets

        def send_and_deliver(positions, metadata):
            send(positions, metadata)
            deliver()

        open_one.send_offsets = send_and_deliver

    proxy.keep_first(lambda key, _: key == TXN_OFFSET_COMMIT, cut=True)
    line.give(EACH, 0)
    runner = line.runner(
        line.hooked(lambda open_one: offsets_then_late_ones(open_one) if proxy.kept.is_set() else None)
    )
    line.run(runner)
    line.give(EACH, 0)
    line.run(runner, until=lambda: runner.positions().get(0) == 2 * EACH)
    assert line.offsets() == ([2 * EACH, 0] if witness else [EACH, 0])
    line.close()
    line.run(line.runner())
    assert line.verdict().repeated == (0 if witness else EACH)


@pytest.mark.parametrize(("idempotent", "values"), [(True, [b"1", b"2"]), (False, [b"1", b"2", b"1"])])
def test_records_that_arrive_late(proxy, line_on, hands_on, idempotent, values):
    line = line_on(late=True)
    producer = Producer({**line.cluster.producer(), "enable.idempotence": idempotent})
    producer.list_topics(line.source, 10)
    proxy.keep_first(lambda key, _: key == PRODUCE, cut=True)
    producer.produce(line.source, b"1", partition=0)
    assert producer.poll(0) == 0
    assert proxy.kept.wait(10)
    producer.produce(line.source, b"2", partition=0)
    assert producer.flush(20) == 0
    proxy.deliver()
    assert hands_on(line.plain.bootstrap).read(line.source, 3, timeout_s=2) == values


def test_a_transaction_without_idempotence_cannot_be_had(line_on):
    """Of the client itself: what the test before shows can befall no transaction."""
    settings = {**line_on().cluster.transactional("any"), "enable.idempotence": False}
    with pytest.raises(ConfigurationError, match="idempotence"):
        make(Producer, settings)


# --- answers that do not come ---


def once(producer, budget_s, step_of):
    """A step that is asked once, whatever its answer."""
    try:
        step_of(budget_s)
    except KafkaException as failure:
        if outcome := producer._weighed(failure.args[0]):
            raise outcome from None
        return False
    return True


@pytest.mark.parametrize(
    ("kind", "again"),
    [
        pytest.param(Runner, True, id="everything"),
        pytest.param(Sure, True, id="without a look at the outcome"),
        pytest.param(Runner, False, id="without asking again"),
        pytest.param(Sure, False, id="without both"),
    ],
)
def test_a_commit_that_takes_longer_than_a_call_waits(line_on, proxy, monkeypatch, kind, again):
    line, patient, hurried = line_on(late=True), TransactionalProducer._within, []
    proxy.slow = end_of_transaction

    def hurry(producer, budget_s, step_of):
        """A commit is called for half a millisecond at first."""
        if step_of != producer._producer.commit_transaction or len(hurried) == 3:
            return patient(producer, budget_s, step_of)
        hurried.append(once(producer, 0.0005, step_of))
        return hurried[-1] or (again and patient(producer, budget_s, step_of))

    monkeypatch.setattr(TransactionalProducer, "_within", hurry)
    line.give(EACH, 0)
    runner = line.runner(kind=kind)
    line.run(runner, until=lambda: hurried.append(None) or line.is_done() if len(hurried) == 3 else line.is_done())
    while runner._due.any() or runner._attempt:
        step(runner)
    step(runner)
    assert False in hurried, "no commit took that long"
    found, clean = line.verdict(), again or kind is Runner
    assert (found == CLEAN) is clean
    assert (found.repeated > 0) is not clean


@pytest.mark.parametrize("fresh", [True, False])
def test_records_of_which_kafka_says_nothing(line_on, proxy, monkeypatch, fresh):
    """The same producer cannot even abort before the client gave the connection up, after nearly 15 s."""
    patience(monkeypatch, 1.0)
    line = line_on(late=True)
    proxy.keep_first(lambda key, _: key == PRODUCE, cut=False)
    line.give(EACH, 0)
    runner = line.runner(kind=Runner if fresh else SameAgain)
    deadline = time.monotonic() + 6
    while not line.is_done() and time.monotonic() < deadline:
        step_or_doubt(runner)
    assert line.verdict().missing == (0 if fresh else EACH)


def step_or_doubt(runner):
    with contextlib.suppress(InDoubt):
        step(runner)


@pytest.mark.parametrize("isolation", [True, False])
def test_a_record_whose_work_always_fails(line_on, monkeypatch, isolation):
    line = line_on()
    if not isolation:
        monkeypatch.setattr(Suspects, "failed", lambda *_: None)

    def prepare(batch):
        if any((one.partition, one.offset) == (0, 3) for one in batch):
            raise KeyError("of a record")
        return line.copy(batch)

    job = Copying(prepare)
    line.give(EACH, 0)
    runner = line.runner(job)
    for _ in range(60):
        if step(runner) and line.is_done():
            break
    assert [one.offset for one in job.isolated] == ([3] if isolation else [])
    assert line.verdict().missing == (1 if isolation else EACH)


@pytest.mark.parametrize("watched", [True, False])
def test_a_call_that_never_returns(line_on, watched):
    """Its process ends, and the slot's next one goes on; else its records are held back from their readers."""
    line = line_on()
    line.give(EACH, 0)
    words = [line.plain.bootstrap, line.source, line.copies, line.group, "watched" if watched else "alone"]
    path = {**os.environ, "PYTHONPATH": str(Path(copying.__file__).parent)}
    worker = subprocess.Popen([sys.executable, stuck.__file__, *words], stdout=subprocess.PIPE, text=True, env=path)
    with worker:
        try:
            assert worker.stdout.readline() == "committing\n"
            assert exit_code(worker, stuck.WATCHED_S + 5) == (RoleExit.exit_code if watched else None)
            if watched:
                line.run(line.runner())
            found = line.verdict()
        finally:
            worker.kill()
    assert (found == CLEAN) is watched
    assert (found.missing, found.hanging > 0) == ((0, False) if watched else (EACH, True))


def exit_code(worker, within_s):
    with contextlib.suppress(subprocess.TimeoutExpired):
        return worker.wait(within_s)
    return None
