"""What makes no progress ends the process; what waits in order, or was stopped, does not."""

import subprocess
import sys
import threading
import time

import pytest

from penstock.streams import watchdog as module
from penstock.streams.watchdog import Watchdog

HANGING = """
import logging, threading
from penstock.streams import watchdog
logging.basicConfig()
watchdog.TICK_S = 0.02
watchdog.Watchdog("slot").watch("commit", 0.1)
threading.Event().wait(20)
"""


@pytest.fixture
def dog(monkeypatch):
    """`dog(within_s)`: a watchdog that ticks fast, and the exit codes it gave."""
    monkeypatch.setattr(module, "TICK_S", 0.02)
    ended, over = [], threading.Event()

    def end(code):
        ended.append(code)
        over.set()

    made = Watchdog("slot", end)
    made.ended, made.over_by = ended, over
    yield made
    made.close()


def test_a_call_that_hangs_ends_the_process_with_the_code_that_starts_it_again():
    done = subprocess.run([sys.executable, "-c", HANGING], capture_output=True, text=True, timeout=15, check=False)
    assert done.returncode == 6
    assert "slot: no progress (commit): the process ends" in done.stderr


def test_progress_is_all_it_wants(dog):
    for _ in range(20):
        dog.watch("flush", 0.2)
        assert not dog.over_by.wait(0.02)
    assert dog.over_by.wait(10)
    assert dog.ended == [6]


def test_at_rest_it_expects_nothing(dog):
    dog.watch("flush", 0.1)
    dog.rest()
    assert not dog.over_by.wait(0.5)


def test_closed_it_is_gone(dog):
    dog.watch("flush", 0.1)
    dog.close()
    assert not dog.over_by.wait(0.5)


def test_time_in_which_the_process_was_stopped_does_not_count():
    """Its own thread stands still as well: it counts how often it woke up."""
    script = HANGING.replace('"commit", 0.1', '"commit", 0.6')
    process = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE)
    with process:
        time.sleep(0.4)
        process.send_signal(19)
        time.sleep(1.5)
        assert process.poll() is None
        process.send_signal(18)
        assert process.wait(15) == 6
