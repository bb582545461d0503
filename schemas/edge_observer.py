"""What a source tells of its edge, where others send to it or it fetches: metrics listen.

Labels are bounded: a principal is the id of a member, or nothing where nobody was recognised; reasons, states and
outcomes are words of ours. Nothing of a request, a topic or a payload is ever told.
"""

from typing import Literal, Protocol

MessageOutcome = Literal["taken", "retained", "unmapped"]


class EdgeObserver(Protocol):
    """Listens to one source. Cheap, never raises, and may be called from any thread."""

    def request(self, status: int, seconds: float) -> None:
        """A request was answered with `status`, `seconds` after its head was read."""
        ...

    def refused(self, principal: str | None, reason: str) -> None:
        """Somebody was turned away: authentication, authorization, certificate, rate."""
        ...

    def queue(self, records: int) -> None:
        """So many records are taken in and not yet committed."""
        ...

    def message(self, outcome: MessageOutcome) -> None:
        """A message came over a connection that the source opened."""
        ...

    def connected(self, connected: bool, why: str = "") -> None:  # noqa: FBT001 - a state, told as it is
        """The connection to where messages come from stands, or does not.

        `why` tells people what the source waits for, without any value; empty: nothing, or what was told before.
        """
        ...


class Unwatched:
    """An `EdgeObserver` to whom nothing matters."""

    def request(self, status: int, seconds: float) -> None: ...

    def refused(self, principal: str | None, reason: str) -> None: ...

    def queue(self, records: int) -> None: ...

    def message(self, outcome: MessageOutcome) -> None: ...

    def connected(self, connected: bool, why: str = "") -> None: ...  # noqa: FBT001 - as above
