"""A check that is made again and again in a thread of its own."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Self

from ..schemas.errors import PenstockError

log = logging.getLogger(__name__)

EVERY_S = 2.0
LEAVE_S = 2.5
OVERDUE_S = 6.0
"""A check that takes longer than this counts as failed, whatever it says in the end."""


class Periodic:
    """Makes `check` every `every_s` seconds while the `with` block runs; it says no by raising a PenstockError."""

    def __init__(self, name: str, check: Callable[[], None], every_s: float = EVERY_S) -> None:
        self._name = name
        self._check = check
        self._every_s = every_s
        self._good_at = time.monotonic()
        self._said = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"check-{name}", daemon=True)

    @property
    def is_well(self) -> bool:
        """Say whether the last check was good, and not too long ago."""
        return not self._said and time.monotonic() - self._good_at < OVERDUE_S

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._thread.join(LEAVE_S)

    def stop(self) -> None:
        """Let the check in hand be the last; returns at once."""
        self._stop.set()

    @property
    def has_ended(self) -> bool:
        """Say whether no check is in hand any more: one that hangs is left behind, and ends with the process."""
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            self._once()
            if self._stop.wait(self._every_s):
                return

    def _once(self) -> None:
        try:
            self._check()
        except PenstockError as failure:
            said = str(failure)
        except Exception as failure:  # noqa: BLE001 - a check must go on; what a library says may quote anything
            said = type(failure).__name__
        else:
            said = ""
            self._good_at = time.monotonic()
        if said != self._said:
            log.warning("%s: %s", self._name, said or "well again")
        self._said = said
