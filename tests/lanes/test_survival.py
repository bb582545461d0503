"""What is parked stays parked, and is caught up with once, whoever is killed and whoever takes over."""

import subprocess
import sys
import time
from pathlib import Path

import lane_line
import pytest

HELPER = Path(lane_line.__file__)


def worker(line, slot):
    """A slot as a process of its own; returned when it works."""
    process = subprocess.Popen(
        [sys.executable, str(HELPER), line.cluster.bootstrap, line.name, str(slot), str(len(line.agreements))],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.fixture
def workers():
    started = []
    yield started
    for one in started:
        one.kill()
        one.wait(10)
        one.stdout.close()


def aside(line, agreement):
    """How many records the audit log says were put aside for an agreement, and not taken up yet."""
    audits = line.audits()
    parked = sum(one["agreements"].get(agreement, {}).get("withheld", {}).get("parked", 0) for one in audits)
    return parked - sum(one.get("taken_up", 0) for one in audits if one.get("catch_up") == agreement)


def test_what_is_parked_survives_kills_and_rebalances(line_of, workers, wait_until):
    """Killed while parked, killed while it catches up, and another slot takes half of the partitions over."""
    line = line_of(count=2)
    bad, good = line.agreements
    workers.append(worker(line, 0))
    line.publish(100)
    wait_until(lambda: line.whole(good))
    line.shrink(bad)
    line.feed(3)
    wait_until(lambda: aside(line, bad) > 0)
    workers[0].kill()
    workers[0].wait(10)
    workers += [worker(line, 0), worker(line, 1)]
    line.feed(3)
    wait_until(lambda: line.whole(good), 60)
    assert line.numbers(bad) != line.owed()
    line.grow(bad)
    began = aside(line, bad)
    deadline = time.monotonic() + 60
    while aside(line, bad) == began:
        assert time.monotonic() < deadline
    workers[1].kill()
    workers[1].wait(10)
    workers.append(worker(line, 0))
    line.publish(50)
    wait_until(lambda: line.whole(bad) and line.whole(good), 60)
    assert aside(line, bad) == 0
    assert [line.cover(one) for one in (bad, good)] == [line.owed()] * 2
