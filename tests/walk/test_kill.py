"""Whatever process dies, and whenever: nothing is lost, nothing is repeated, and the end leaves no process.

`WALK_SEED=7 make test ARGS=tests/walk/test_kill.py` kills at other moments.
"""

import itertools
import os
import time
from random import Random

import pytest
from ecosystem import events, kill, make, until
from judging import AuditTail, Generation, judge
from oracle import summary
from oracle.documents import Documents

from penstock.ops.processes import is_running

pytestmark = pytest.mark.broker

SEED = int(os.environ.get("WALK_SEED", "20261122"))
FILE_ROWS = 60
FILES_A_KILL = 5
KILLED = ("connectors-income-payments", "exchange-income-payments-0", "gateway", "broker")
ROLES = (*KILLED, "connectors-tax-residency", "exchange-tax-residency-0")


@pytest.fixture(scope="module")
def ecosystem(kafka_installed, tmp_path_factory):
    return make(tmp_path_factory.mktemp("kill") / "eco")


@pytest.fixture(scope="module")
def survivor(ecosystem):
    """Fed while each role and at last `penstock up` itself was killed, then started again; all is delivered."""
    rng = Random(SEED)
    files = itertools.batched if hasattr(itertools, "batched") else _batched
    rest = iter(files(events(FILE_ROWS * FILES_A_KILL * (len(KILLED) + 2), SEED), FILE_ROWS))
    with ecosystem.up() as up:
        up.wait_in_force()
        audit = AuditTail(ecosystem.client())
        for role in KILLED:
            feed_some(ecosystem, audit, rest, rng)
            pid = until(lambda role=role: killed(ecosystem, role), f"{role} is there to be killed", 20)
            until(lambda role=role, pid=pid: restarted(ecosystem, role, pid), f"{role} was started again", 20)
        feed_some(ecosystem, audit, rest, rng)
        left = up.left()
        up.process.kill()
        up.process.wait()
        until(lambda: not up.left(), "the roles end with the process that started them", 15)
        assert len(left) > len(KILLED), "some role may just be started again"
    for file in rest:
        ecosystem.feed(file)
    with ecosystem.up() as up:
        up.wait_in_force()
        audit.wait_processed(len(ecosystem.fed), 90)
        yield up
    audit.close()


def _batched(many, size):
    many = iter(many)
    while batch := tuple(itertools.islice(many, size)):
        yield batch


def feed_some(ecosystem, audit, files, rng):
    """Drop some files, and return at a moment drawn by lot while they are dealt with."""
    before = len(ecosystem.fed)
    for file in itertools.islice(files, FILES_A_KILL):
        ecosystem.feed(file)
    audit.wait_processed(rng.randrange(before + 1, len(ecosystem.fed)))


def killed(ecosystem, role):
    """Kill a role's process; it may be about to be started again for another reason, as after the end of Kafka."""
    pid = ecosystem.pids().get(role, 0)
    return pid if pid and kill(pid) else None


def restarted(ecosystem, role, before):
    pid = ecosystem.pids().get(role)
    return pid not in {None, before} and is_running(pid)


def test_nothing_is_lost_and_nothing_repeated(ecosystem, survivor):
    generation = Generation(Documents(ecosystem.directory))
    verdict = judge(ecosystem, {1: generation})
    assert verdict.problems == []
    assert len(verdict.events) == len(ecosystem.fed)
    assert verdict.counts == summary(
        generation.documents, ecosystem.fed, int(time.time() * 1000), ecosystem.opening_consents()
    )


def test_ctrl_c_ends_everything(ecosystem, survivor):
    until(lambda: len(survivor.left()) == len(ROLES) + 2, "every role, a spare process, and the one that started them")
    code, seconds = survivor.interrupt()
    assert code in {0, 130}
    assert seconds < 10
    assert survivor.left() == []
    assert "Traceback" not in survivor.said()


def test_ctrl_c_ends_it_also_while_it_starts(ecosystem, survivor):
    assert survivor.process.poll() is not None, "the one before was ended"
    with ecosystem.up() as up:
        until(lambda: "starting" in up.said(), "it starts")
        code, seconds = up.interrupt()
        assert code in {0, 130}
        assert seconds < 10
        assert up.left() == []
        assert "Traceback" not in up.said()
