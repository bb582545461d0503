"""Who comes to the gateway, and whether a door opens: tokens, client certificates, passes of our own roles."""

import base64
import binascii
from dataclasses import dataclass
from typing import Protocol

from starlette.requests import Request

from ...schemas.errors import RefusedError
from ..store.tokens import Asked
from .entitled import Entitled

KEYS, REGISTRY = "keys", "registry"
CERTIFICATE = "penstock.client"
"""Where the server puts the member whose client certificate it believed, among the extensions of the scope."""

ASKED_FOR = 'Bearer realm="penstock"'
"""What an answer 401 says in WWW-Authenticate."""

_SCOPES = {KEYS: (KEYS,), REGISTRY: (KEYS, REGISTRY)}
_WORDS = {
    "expired": "the token has expired",
    "revoked": "the token was revoked",
    "scope": "the token is for another door",
    "certificate": "the client certificate is another member's",
}
_OWN = "ask the operator for a token of your own"


class Tokens(Protocol):
    """Whose a bearer token is, and why it does not open a door of one of those scopes."""

    def ask(self, token: str, *scopes: str) -> Asked: ...


class Passes(Protocol):
    """Knows the passes of our own roles and commands."""

    def fits(self, word: str) -> bool: ...


class Refusals(Protocol):
    """Is told of everybody who was turned away: at which door, who (None: nobody known), and a reason code."""

    def refused(self, door: str, principal: str | None, reason: str) -> None: ...


class TurnedAwayError(RefusedError):
    """`status`: 401 for somebody whom we do not know, 403 for one whose token is for other doors."""

    def __init__(self, reason: str) -> None:
        super().__init__(_WORDS.get(reason, "the token is not valid"), remedy=_OWN)
        self.status = 403 if reason == "scope" else 401


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who was let in: a member, or with None one of our own roles. `registrar`: may write schemas."""

    member: str | None
    registrar: bool = False


class Doors:
    """Lets callers in or counts why not.

    A client certificate that the server believed stands in for a token of the scope `keys`; with a token, both must
    be the same member's. Asks the store: not to be called on the event loop.
    """

    def __init__(self, tokens: Tokens, passes: Passes, entitled: Entitled, refusals: Refusals) -> None:
        self._tokens = tokens
        self._passes = passes
        self._entitled = entitled
        self._refusals = refusals

    def enter(self, request: Request, door: str) -> Caller:
        """Return who asks. Raises TurnedAwayError, and whatever the store raises when it does not answer."""
        shown, token = _certificate(request), _token(request)
        if door == REGISTRY and self._passes.fits(token):
            return Caller(None, registrar=True)
        if shown is not None and not token:
            return Caller(shown)
        asked = self._tokens.ask(token, *_SCOPES[door])
        reason = asked.why or ("certificate" if shown not in {None, asked.member} else "")
        if reason:
            self.count(door, asked.member, reason)
            raise TurnedAwayError(reason)
        return Caller(asked.member, registrar=asked.scope == REGISTRY)

    def count(self, door: str, member: str | None, reason: str) -> None:
        """Tell that `member` was turned away; of one whom the charter does not name only that somebody was."""
        self._refusals.refused(door, member if self._entitled.knows(member) else None, reason)


def _certificate(request: Request) -> str | None:
    said = request.scope.get("extensions", {}).get(CERTIFICATE)
    return said if isinstance(said, str) else None


def _token(request: Request) -> str:
    """Return the bearer token, or the password of HTTP basic: what stock registry clients can send."""
    scheme, _, said = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return said.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(said.strip(), validate=True).decode().partition(":")[2]
    except (ValueError, binascii.Error):
        return ""
