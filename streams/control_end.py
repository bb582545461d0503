"""How far the control topic reaches, asked beside the one who reads it."""

import time

from .asking import Asking
from .control import ControlReader
from .settings import Cluster
from .topics import CONTROL

WAIT_S = 2.0


class ControlEnd:
    """Asks Kafka for the end of the control topic and compares it with what `reader` has read.

    Has a connection of its own: on the reader's the answer would wait behind a fetch. May be asked from another thread
    than the reader's.
    """

    def __init__(self, cluster: Cluster, reader: ControlReader) -> None:
        self._reader = reader
        self._asking = Asking(cluster, committed=True)
        self._known_at = time.monotonic()

    @property
    def age_s(self) -> float:
        """Seconds since the reader was last seen to have read everything; since the beginning if it never was."""
        return time.monotonic() - self._known_at

    def look(self) -> None:
        """Compare once. Returns within `WAIT_S`; where Kafka does not answer, `age_s` goes on growing."""
        asked_at = time.monotonic()
        span = self._asking.span(CONTROL, 0, WAIT_S)
        if span is not None and self._reader.reached >= span[1]:
            self._known_at = asked_at

    def close(self) -> None:
        self._asking.close()
