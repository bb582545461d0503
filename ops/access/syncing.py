"""Bringing Kafka's users and rules to what is in force now: by command, and when something ends by itself."""

import logging
import threading
from types import TracebackType
from typing import Self

from ...processors.access import next_lapse_ms
from ...processors.access_drift import Drift
from ...schemas.errors import ConfigurationError, PenstockError
from ...streams.control import ControlReader
from ...streams.topics import ensure, own_topics
from ..clock import now_ms
from ..wiring import Wiring

PERIOD_S = 2.0
log = logging.getLogger(__name__)


def sync(wiring: Wiring) -> Drift:
    """Give what is missing on Kafka, take what is surplus, and return what that was.

    Before the first `apply`: our own topics, and what the documents' roles need to start. Raises ConfigurationError
    where access is not Penstock's.
    """
    keeper = wiring.access()
    if keeper is None:
        raise ConfigurationError(
            "access to this cluster is not Penstock's",
            place="ecosystem.yaml",
            remedy="set `cluster.access: managed` if it should be",
        )
    ensure(wiring.cluster(), own_topics())
    control = ControlReader(wiring.cluster())
    try:
        return keeper.settle(control.catch_up(), control.catch_up, now_ms())
    finally:
        control.close()


class Lapses:
    """Ends on Kafka what ends by itself: agreements past their validity, credentials past their time.

    Within PERIOD_S, while the `with` block runs. Cheap: Kafka is asked only when something has ended.
    """

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lapses", daemon=True)

    def _run(self) -> None:
        control = ControlReader(self._wiring.cluster())
        try:
            self._follow(control)
        finally:
            control.close()

    def _follow(self, control: ControlReader) -> None:
        due: int | None = None
        while not self._stop.wait(PERIOD_S):
            try:
                control.poll()
                if due is not None and now_ms() >= due:
                    sync(self._wiring)
                due = self._next(control)
            except PenstockError as missing:
                log.warning("what ended on its own is not taken from Kafka yet: %s", missing)

    def _next(self, control: ControlReader) -> int | None:
        """Return when the next thing ends by itself; None when nothing will."""
        agreement = next_lapse_ms(control.generation, now_ms()) if control.generation else None
        ends = [one for one in (agreement, self._wiring.credentials().next_end(now_ms())) if one is not None]
        return min(ends, default=None)

    def __enter__(self) -> Self:
        if self._wiring.access() is not None:
            self._thread.start()
        return self

    def __exit__(self, _kind: type[BaseException] | None, _e: BaseException | None, _at: TracebackType | None) -> None:
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()
