"""A KMS that is asked again for a while when it does not answer."""

import time
from collections.abc import Callable
from typing import TypeVar

from ...schemas.errors import UnavailableError
from ...schemas.ports import Kms

DEADLINE_S = 3.0
FIRST_PAUSE_S = 0.1
T = TypeVar("T")


class PatientKms:
    """Asks `kms` again, after 0.1 s, 0.2 s …, as long as another pause ends within `deadline_s` of the first time.

    Only UnavailableError is worth asking again; a refusal is passed on at once. Making a new version of a KEK is not
    repeated: whether the first try made one cannot be told.
    """

    def __init__(self, kms: Kms, deadline_s: float = DEADLINE_S) -> None:
        self._kms = kms
        self._deadline_s = deadline_s

    def wrap(self, key: bytes, context: bytes) -> bytes:
        return self._patiently(lambda: self._kms.wrap(key, context))

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        return self._patiently(lambda: self._kms.unwrap(wrapped, context))

    def rotate(self) -> None:
        self._kms.rotate()

    def health(self) -> str | None:
        return self._kms.health()

    def _patiently(self, ask: Callable[[], T]) -> T:
        until, pause_s = time.monotonic() + self._deadline_s, FIRST_PAUSE_S
        while True:
            try:
                return ask()
            except UnavailableError:
                if time.monotonic() + pause_s > until:
                    raise
            time.sleep(pause_s)
            pause_s *= 2
