"""Who was turned away, at which door, and why."""

from collections.abc import Callable

from .families import Families
from .words import UNKNOWN


class AccessMetrics:
    """Counts refusals of access. A principal that no document knows is counted as `unknown`.

    `refresh` is called before each count: it makes known who came to be known meanwhile.
    """

    def __init__(self, families: Families, refresh: Callable[[], None] = lambda: None) -> None:
        self._refresh = refresh
        self._refused = families.counter(
            "penstock_access_refused_total", "Requests turned away, by door and reason.", "door", "principal", "reason"
        )

    def refused(self, door: str, principal: str | None, reason: str, count: int = 1) -> None:
        """Count `count` refusals. `door`: kafka, keys, registry or ingest; `principal`: None where nobody is known."""
        self._refresh()
        self._refused[door, principal or UNKNOWN, reason].inc(count)
