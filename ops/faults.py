"""Faults let in from outside, at the named points of `schemas.crash_points`: for the fault bench, never in production.

A role started with PENSTOCK_FAULTS=FILE reads from that file what to do and where, at its start and whenever it gets
SIGUSR1: `POINT ACTION [N]`, to be done once, the Nth time that the point is passed. ACTION is `kill` (as kill -9),
`stop` (as kill -STOP; go on with kill -CONT), `raise` (an error that nobody foresaw), or `sleep=MS`. `clock MS` lets
the role's clock be wrong by so much, at once and until the next word. An empty or missing file means none.
"""

import os
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..schemas.crash_points import POINTS, arm
from ..schemas.errors import ConfigurationError
from .clock import step

VARIABLE = "PENSTOCK_FAULTS"
CLOCK = "clock"


class Fault:
    """One fault, done once: at the Nth passing of a point from now on."""

    def __init__(self, point: str, action: str, times: int) -> None:
        self._point = point
        self._action = action
        self._left = times

    def __call__(self, point: str) -> None:
        if point != self._point:
            return
        self._left -= 1
        if self._left == 0:
            arm(None)
            _do(self._action)


def heed(environment: Mapping[str, str] = os.environ) -> None:
    """Let faults in, if PENSTOCK_FAULTS asks for it. For the main thread.

    Raises ConfigurationError for a file that names no point or action.
    """
    if VARIABLE not in environment:
        return
    file = Path(environment[VARIABLE])
    signal.signal(signal.SIGUSR1, lambda *_: arm(_fault(file)))
    arm(_fault(file))


def _fault(file: Path) -> Fault | None:
    try:
        words = file.read_text().split()
    except FileNotFoundError:
        words = []
    if words[:1] == [CLOCK]:
        step(_milliseconds(words, file))
        return None
    step(0)
    if not words:
        return None
    point, action, times = (*words, "1")[:3] if len(words) > 1 else ("", "", "")
    if point not in POINTS or action.partition("=")[0] not in {"kill", "stop", "raise", "sleep"} or not times.isdigit():
        raise _no_fault(file)
    return Fault(point, action, int(times))


def _milliseconds(words: Sequence[str], file: Path) -> int:
    try:
        (_, by_ms) = words
        return int(by_ms)
    except ValueError:
        raise _no_fault(file) from None


def _no_fault(file: Path) -> ConfigurationError:
    remedy = f"POINT kill|stop|raise|sleep=MS [N], or {CLOCK} MS"
    return ConfigurationError("it names no fault", place=str(file), remedy=remedy)


def _do(action: str) -> None:
    if action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif action == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    elif action == "raise":
        raise RuntimeError("a fault that was let in")
    else:
        time.sleep(int(action.partition("=")[2]) / 1000)
