"""The schema registry's door: a member sees the schemas of its own, and writes none."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from . import registry_errors as errors
from .doors import REGISTRY, Caller, Doors, TurnedAwayError
from .entitled import Entitled
from .registry_http import Store
from .registry_requests import Records
from .registry_state import RegistryState

T = TypeVar("T")


class RegistryDoor:
    """Gives the registry as a caller may see it, and counts those who ask for more.

    Whoever asks for a subject or an id that is not its own hears that it does not exist, whether it does or not.
    """

    def __init__(self, store: Store, doors: Doors, entitled: Entitled) -> None:
        self._store = store
        self._doors = doors
        self._entitled = entitled

    async def __call__(self, request: Request) -> Store:
        return await run_in_threadpool(self._seen, request)

    def _seen(self, request: Request) -> Store:
        try:
            caller = self._doors.enter(request, REGISTRY)
        except TurnedAwayError as refusal:
            raise errors.not_let_in(refusal.status, refusal.message) from None
        if caller.registrar:
            return self._store
        own = self._entitled.subjects(caller.member)
        self._refuse_foreign(request, caller, own)
        return _Part(self._store, own, lambda: self._doors.count(REGISTRY, caller.member, "scope"))

    def _refuse_foreign(self, request: Request, caller: Caller, own: Collection[str]) -> None:
        subject, schema_id = request.path_params.get("subject"), request.path_params.get("id")
        if subject is not None and subject not in own:
            self._doors.count(REGISTRY, caller.member, "authorization")
            raise errors.subject_not_found(subject)
        if schema_id is None:
            return
        try:
            # Where there is none, the topic is read to its end before it is said, of foreign ids and of unknown ones.
            self._store.read(lambda state: state.only(own).holders(schema_id))
        except errors.RegistryError:
            self._doors.count(REGISTRY, caller.member, "authorization")
            raise


@dataclass(frozen=True, slots=True)
class _Part:
    """The registry as far as it is a member's own; nothing can be written."""

    store: Store
    own: Collection[str]
    refused: Callable[[], None]

    def read(self, ask: Callable[[RegistryState], T]) -> T:
        return self.store.read(lambda state: ask(state.only(self.own)))

    def write(self, _decide: Callable[[RegistryState], tuple[T, Records]]) -> T:
        self.refused()
        raise errors.not_let_in(403, "writing takes a token of the scope registry")
