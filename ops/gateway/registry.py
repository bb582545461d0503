"""The schema registry: its state in memory, its log in the `_schemas` topic, its REST routes."""

import threading
from collections.abc import Callable
from typing import TypeVar

from starlette.requests import Request
from starlette.routing import Route

from ...schemas.errors import RoleExit, UnavailableError
from ...streams.schemas_topic import SchemasTopic
from ...streams.settings import Cluster
from ...streams.transaction import TransactionAborted
from .registry_errors import RegistryError, store_failed
from .registry_http import Door, Endpoints, Store
from .registry_requests import Records
from .registry_state import RegistryState

T = TypeVar("T")


class Registry:
    """Answers from memory; writes in one transaction at a time. Thread-safe.

    Several registries may run over one topic: each write makes sure first that it is the only writer and knows all
    that was written, so that no two schemas ever get the same id. The constructor reads the whole topic; it raises
    UnavailableError when the topic is not there or Kafka does not answer.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._lock = threading.Lock()
        self._state = RegistryState()
        self._topic = SchemasTopic(cluster)
        self._state.apply(self._topic.catch_up())

    def read(self, ask: Callable[[RegistryState], T]) -> T:
        """Return what `ask` finds. Before something is said not to exist, the topic is read to its end."""
        with self._lock:
            try:
                return ask(self._state)
            except RegistryError as absent:
                if absent.status != 404:
                    raise
            self._state.apply(self._topic.catch_up())
            return ask(self._state)

    def write(self, decide: Callable[[RegistryState], tuple[T, Records]]) -> T:
        """Write the records that `decide` makes of the state and return its answer, once they are committed.

        Raises RegistryError (50001) when they could not be written or nobody knows: asking again is safe.
        """
        with self._lock:
            try:
                self._state.apply(self._topic.become_writer())
                answer, records = decide(self._state)
                if records:
                    self._state.apply(self._topic.write(records))
            except TransactionAborted:
                raise store_failed("nothing was written: ask again") from None
            except (RoleExit, UnavailableError) as failure:
                # A fresh writer ends what this one left open and reads what came of it, before it decides anything.
                self._topic.step_down()
                raise store_failed(f"{failure.message}; ask again") from None
            return answer

    def close(self) -> None:
        with self._lock:
            self._topic.close()


def registry_routes(store: Store, door: Door | None = None) -> list[Route]:
    """Return the REST routes of the registry, to be mounted at the root; without a `door` everybody may do all."""

    async def open_door(_request: Request) -> Store:
        return store

    return Endpoints.routes(door or open_door)
