"""How fast each member may send: a token bucket that may run into debt, so that no request has to fit it."""

import time
from collections.abc import Callable

BURST_S = 2.0


class Rate:
    """So many records a second for each member, and what was saved up in `BURST_S`.

    A request is let in while there is no debt, whatever it brings: how many records that is shows only afterwards.
    For one thread.
    """

    def __init__(self, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_second
        self._clock = clock
        self._left: dict[str, tuple[float, float]] = {}  # by member: records, as of when

    def wait_s(self, member: str) -> float:
        """Return how long `member` has to wait, 0 if not at all."""
        return max(0.0, -self._now(member) / self._per_second) if self._per_second else 0.0

    def spend(self, member: str, records: int) -> None:
        if self._per_second:
            self._left[member] = (self._now(member) - records, self._clock())

    def _now(self, member: str) -> float:
        most = self._per_second * BURST_S
        records, at = self._left.get(member, (most, 0.0))
        return min(most, records + (self._clock() - at) * self._per_second)
