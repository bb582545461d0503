"""Catching up: what agreements that are behind are owed, one agreement on one partition in a transaction.

It is done by the slot that owns the partition, in its one thread, between common batches: so nobody hands over to
anybody, and an agreement joins the common batches at the offset at which they stand.
"""

import logging
import math
import time
from collections.abc import Mapping
from typing import Protocol

from ..schemas.errors import AgreementKeyError, KeyUnavailableError, PenstockError, UnavailableError
from ..schemas.lane_state import LaneState, Place
from .failure import kind_and_place
from .lanes import Lanes
from .past import Past, PastReader
from .runner import Work

SHARE = 1 / 3
"""Of the time that common batches take while records wait for them: a quarter of all."""
MOST_CREDIT_S = 1.0
FEW, MOST = 100, 5_000
QUICK_S, SLOW_S = 0.1, 0.2
SLICE_S = 1.0
"""So long one place is caught up with before another has its turn."""
IDLE_WAIT_S = 0.05
ALONE_AFTER, ISOLATED_AFTER = 3, 5

log = logging.getLogger(__name__)


class Beside(Protocol):
    """What catching up asks of the runner."""

    def positions(self) -> Mapping[int, int]:
        """Return, for each partition of ours, the offset up to which everything is committed, where it is known."""
        ...

    def beside(self, work: Work, partition: int) -> bool:
        """Do `work` in a transaction that moves no position; False when it was aborted."""
        ...


class Deciding(Protocol):
    """Who decides what becomes of the past."""

    def past(self, state: LaneState, past: Past, position: int) -> Work:
        """Return the work on records that an agreement is owed, the common batches standing at `position`."""
        ...

    def isolated(self, state: LaneState, past: Past, position: int, detail: str) -> Work:
        """Return the work that puts aside one record which cannot be done."""
        ...


class CatchUp:
    """Catches up, a transaction at a time, within its share of the slot's time."""

    def __init__(self, reader: PastReader, lanes: Lanes, runner: Beside, deciding: Deciding) -> None:
        self._reader = reader
        self._lanes = lanes
        self._runner = runner
        self._deciding = deciding
        self._credit_s = 0.0
        self._limit = FEW
        self._place: Place | None = None
        self._until = 0.0
        self._failures: dict[Place, int] = {}

    @property
    def pending(self) -> bool:
        """Whether there is something that may be caught up with now."""
        return bool(self._lanes.behind(self._runner.positions()))

    def step(self, done: int, took_s: float) -> None:
        """Do one transaction if something is behind and it is its turn; `done` records took the common batch `took_s`.

        Raises what the runner's step raises.
        """
        self._credit_s = min(self._credit_s + took_s * SHARE, MOST_CREDIT_S) if done else math.inf
        if self._credit_s <= 0:
            return
        positions = self._runner.positions()
        state = self._choose(self._lanes.behind(positions))
        if state is None:
            self._reader.rest()
            return
        started = time.monotonic()
        self._try(state, positions[state.partition], 0.0 if done else IDLE_WAIT_S)
        self._credit_s = min(self._credit_s, MOST_CREDIT_S) - (time.monotonic() - started)

    def close(self) -> None:
        self._reader.close()

    def _choose(self, behind: list[LaneState]) -> LaneState | None:
        """Return the place in hand until its time is up, else the next one after it."""
        if not behind:
            return None
        behind.sort(key=lambda one: one.place)
        now, place = time.monotonic(), self._place
        held = next((one for one in behind if one.place == place), None)
        if held is None or now > self._until:
            held = next((one for one in behind if place is not None and one.place > place), behind[0])
            self._place, self._until = held.place, now + SLICE_S
        return held

    def _try(self, state: LaneState, position: int, wait_s: float) -> None:
        failures = self._failures.get(state.place, 0)
        limit = 1 if failures >= ALONE_AFTER else self._limit
        past = self._reader.read(state.partition, state.next, position, limit, wait_s)
        if past is None:
            return
        started = time.monotonic()
        try:
            done = self._runner.beside(self._work(state, past, position), state.partition)
        except AgreementKeyError as missing:
            self._lanes.refuse(state.agreement, "key_unavailable")
            log.warning("%s", missing)
        except KeyUnavailableError as missing:
            raise UnavailableError(missing.message, place=missing.place, remedy=missing.remedy) from None
        except PenstockError:
            raise
        except Exception as failure:  # noqa: BLE001 - its message may quote a record (law 5): say its kind and place
            self._failures[state.place] = failures + 1
            log.warning("catching up failed: %s", kind_and_place(failure))
        else:
            self._adapt(done, time.monotonic() - started)
            if done:
                self._failures.pop(state.place, None)

    def _work(self, state: LaneState, past: Past, position: int) -> Work:
        if past.first > state.next:
            gone = past.first - state.next
            log.warning("%s: %d offsets are gone before they were caught up with", state.agreement, gone)
        if self._failures.get(state.place, 0) >= ISOLATED_AFTER:
            return self._deciding.isolated(state, past, position, "catching up failed again and again")
        return self._deciding.past(state, past, position)

    def _adapt(self, done: bool, seconds: float) -> None:  # noqa: FBT001 - private, one caller
        if not done:
            self._limit = FEW
        elif seconds < QUICK_S:
            self._limit = min(2 * self._limit, MOST)
        elif seconds > SLOW_S:
            self._limit = max(self._limit // 2, 1)
