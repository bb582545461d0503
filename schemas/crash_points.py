"""Named moments in the work on a batch, at which a fault can be let in from outside. Free while nobody asks.

Every room may name a moment it passes; who arms them (see `ops.faults`) decides what happens there. Where nobody did,
passing one is a comparison.
"""

from collections.abc import Callable
from typing import Final

POINTS: Final = (
    "consumed",  # a batch was read
    "decoded",  # an event was decoded
    "decided",  # an event was decided for every agreement
    "keys_made",  # the batch's keys are in the store
    "noised",  # a field got its noise
    "encrypted",  # a field was encrypted
    "begun",  # the transaction is open
    "audit_produced",  # the audit record is with the client
    "disclosures_produced",
    "quarantine_produced",
    "releases_produced",
    "flushed",  # Kafka has every record of the transaction
    "offsets_unsent",  # what was decided is known to be current; the offsets follow
    "offsets_sent",
    "commit_unsent",  # all that is left is to commit
    "committed",  # Kafka said so; nobody here was told yet
)

CLERKS_POINTS: Final = (
    "erasure_ordered",  # every worker knows of it from here on; the store does not
    "erasure_destroyed",  # what the store had is destroyed; the case does not say so
)
"""Moments of a command, not of a worker."""

Armed = Callable[[str], None]
"""Called with a point's name each time it is passed."""

_armed: Armed | None = None


def passing(point: str, times: int = 1) -> None:
    """Say that the work passes `point`, one of the above; what is done for many at once passes it so many times."""
    while _armed is not None and times:
        _armed(point)
        times -= 1


def arm(armed: Armed | None) -> None:
    """Let `armed` be called at every point from now on; None: nobody."""
    global _armed  # noqa: PLW0603 - a process has one work, and a comparison is all that may be paid for it
    _armed = armed
