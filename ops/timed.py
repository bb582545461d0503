"""Operations told to whoever listens: how each ended and how long it took."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from ..schemas.errors import UnavailableError
from ..schemas.observer import OperationObserver
from ..streams.writers import Schemas


@contextmanager
def timed(observer: OperationObserver, operation: str) -> Iterator[None]:
    """Tell `observer` how the block ended: `ok`, `unavailable`, or `error` for any other exception."""
    started = time.perf_counter()
    outcome = "error"
    try:
        yield
        outcome = "ok"
    except UnavailableError:
        outcome = "unavailable"
        raise
    finally:
        observer.done(operation, outcome, time.perf_counter() - started)


class Listeners(Protocol):
    """Who listens to the operations on what a role depends on."""

    @property
    def store(self) -> OperationObserver: ...

    @property
    def kms(self) -> OperationObserver: ...


class ObservedSchemas:
    """A schema registry whose look-ups are told to `observer`."""

    def __init__(self, schemas: Schemas, observer: OperationObserver) -> None:
        self._schemas = schemas
        self._observer = observer

    def schema(self, schema_id: int) -> Mapping[str, Any] | None:
        with timed(self._observer, "schema"):
            return self._schemas.schema(schema_id)
