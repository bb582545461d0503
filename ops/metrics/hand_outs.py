"""How many keys left, of which agreement and to whom."""

from collections.abc import Callable

from .families import Families


class HandOutMetrics:
    """Counts what recipients were handed. `refresh` is called before each count: it makes known who came meanwhile."""

    def __init__(self, families: Families, refresh: Callable[[], None] = lambda: None) -> None:
        self._refresh = refresh
        self._messages = families.counter(
            "penstock_key_messages_total", "Requests for keys that were answered.", "agreement", "recipient"
        )
        self._keys = families.counter(
            "penstock_keys_handed_out_total", "Keys that recipients were handed.", "agreement", "recipient"
        )

    def handed_out(self, agreement: str, recipient: str, keys: int) -> None:
        """Count one message with so many keys."""
        self._refresh()
        self._messages[agreement, recipient].inc()
        self._keys[agreement, recipient].inc(keys)
