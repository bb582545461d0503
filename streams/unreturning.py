"""Calls of the client that may never return, whatever time-out they are given."""

import logging
import threading
from collections.abc import Callable

from ..schemas.errors import RoleExit
from .outcomes import InDoubt

NAME = "unreturning"
MOST = 3
"""So many calls may be left behind. Some return when Kafka does; of those that never do, each keeps a client."""

log = logging.getLogger(__name__)


def abandon(client: object) -> None:
    """Keep a client as it is until the process ends: letting it go would end it, and that may never return."""
    threading.Thread(target=_hold, args=(client,), name="abandoned", daemon=True).start()


def _hold(_client: object) -> None:
    threading.Event().wait()


def leaving(call: Callable[[], None], within_s: float, place: str) -> None:
    """Make a last `call`; where it has not returned in time it is left behind, and the log says so."""
    try:
        returning(call, within_s, place)
    except RoleExit as stuck:
        log.warning("%s: %s; it is left behind", place, stuck.message)


def returning(call: Callable[[], None], within_s: float, place: str) -> None:
    """Make `call` in a thread of its own; raise what it raises, or InDoubt when it has not returned in time.

    The thread that waits is left behind with what it holds; raises RoleExit once there are too many such.
    """
    raised: list[BaseException] = []

    def run() -> None:
        try:
            call()
        except BaseException as failure:  # noqa: BLE001 - raised again by the caller's thread
            raised.append(failure)

    thread = threading.Thread(target=run, name=NAME, daemon=True)
    thread.start()
    thread.join(within_s)
    if thread.is_alive():
        left = sum(one.name == NAME for one in threading.enumerate())
        kind = RoleExit if left > MOST else InDoubt
        raise kind("a call of the Kafka client does not return", place=place)
    if raised:
        raise raised[0]
