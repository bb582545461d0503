"""A cache that forgets: at most so many entries, none older than so long. Erased keys leave it by age."""

import time
from collections import OrderedDict
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class AgeingCache(Generic[K, V]):
    """Not thread-safe. An entry is dropped `max_age_s` after it was put, or when newer ones need its place."""

    def __init__(self, limit: int, max_age_s: float) -> None:
        self._limit = limit
        self._max_age_s = max_age_s
        self._held: OrderedDict[K, tuple[float, V]] = OrderedDict()

    def get(self, key: K) -> V | None:
        held = self._held.get(key)
        if held is None or time.monotonic() - held[0] > self._max_age_s:
            return None
        return held[1]

    def put(self, key: K, value: V) -> None:
        now = time.monotonic()
        self._held.pop(key, None)
        self._held[key] = (now, value)
        # The oldest come first, so that what is too old goes now, not only when somebody asks for it.
        while len(self._held) > self._limit or now - next(iter(self._held.values()))[0] > self._max_age_s:
            self._held.popitem(last=False)

    def __len__(self) -> int:
        return len(self._held)
