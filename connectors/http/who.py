"""Who sends: the member whose token or client certificate it is, and it must be the contract's provider."""

from collections.abc import Awaitable, Callable

from ...schemas.edge_observer import EdgeObserver
from ...schemas.ports import Asked, Doorkeeper
from .problem import Problem, not_authenticated
from .request import Request

SCOPE = "publish"
_WORDS = {"expired": "the token has expired", "revoked": "the token was revoked"}

Aside = Callable[[Callable[[], Asked]], Awaitable[Asked]]
"""Runs a call that waits for the store where nobody waits for it."""


class Door:
    """Lets the provider in, and tells `edge` of everybody else.

    A client certificate stands in for a token; with both, both must be the same member's.
    """

    def __init__(self, provider: str, doors: Doorkeeper, edge: EdgeObserver, aside: Aside) -> None:
        self._provider = provider
        self._doors = doors
        self._edge = edge
        self._aside = aside

    async def member(self, request: Request) -> str:
        """Return who sends. Raises Problem, and UnavailableError when the store does not answer."""
        certified = request.certificate()
        if certified is not None and not request.only("authorization"):
            return self._provider_only(certified)
        token = request.bearer()
        if not token:
            self._edge.refused(None, "authentication")
            raise not_authenticated("a bearer token is needed, or a client certificate", shown=False)
        asked = await self._aside(lambda: self._doors.ask(token, SCOPE))
        if asked.member is None or asked.why:
            raise self._not_good(asked)
        if certified not in {None, asked.member}:
            self._edge.refused(certified, "certificate")
            raise Problem(403, "certificate", "token and client certificate are not the same member's")
        return self._provider_only(asked.member)

    def _provider_only(self, member: str) -> str:
        if member != self._provider:
            self._edge.refused(member, "authorization")
            raise Problem(403, "foreign", "only the provider of this dataset publishes into it")
        return member

    def _not_good(self, asked: Asked) -> Problem:
        self._edge.refused(asked.member, asked.why or "authentication")
        if asked.why == "scope":
            return Problem(403, "scope", "the token is for another door")
        return not_authenticated(_WORDS.get(asked.why, "the token is not valid"), shown=True)
