"""A watchdog: a call that never returns ends the process, so that the slot begins anew."""

import logging
import os
import threading
from collections.abc import Callable

from ..schemas.errors import RoleExit

TICK_S = 1.0
STEP_S = 45.0
"""For one call of the client, with all that it is given time for: longer than any budget of ours."""
PREPARE_S = 240.0
"""For deciding, protecting and the store: shorter than max.poll.interval.ms, after which the batch is lost anyway."""

log = logging.getLogger(__name__)


class Watchdog:
    """Ends the process when what it watches makes no progress.

    It counts its own ticks, not the clock: a process that was stopped and goes on has its time still.
    """

    def __init__(self, name: str, end: Callable[[int], None] = os._exit) -> None:
        self._name = name
        self._end = end
        self._over = threading.Event()
        self._watched: list[float] = []
        self._place = ""
        threading.Thread(target=self._run, name="watchdog", daemon=True).start()

    def watch(self, place: str, within_s: float = STEP_S) -> None:
        """Expect the next word, which may be `rest`, within `within_s`."""
        self._place = place
        self._watched = [within_s]

    def rest(self) -> None:
        """Expect nothing until the next `watch`."""
        self._watched = []

    def close(self) -> None:
        self._over.set()

    def _run(self) -> None:
        while not self._over.wait(TICK_S):
            watched = self._watched  # a new list with each word: what is counted down here is of the last one
            if not watched:
                continue
            watched[0] -= TICK_S
            if watched[0] <= 0:
                log.critical("%s: no progress (%s): the process ends", self._name, self._place)
                self._end(RoleExit.exit_code)
                return
