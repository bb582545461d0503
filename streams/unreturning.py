"""Calls of the client that may never return, whatever time-out they are given."""

import threading
from collections.abc import Callable

from ..schemas.errors import RoleExit


def returning(call: Callable[[], None], within_s: float, place: str) -> None:
    """Make `call` in a thread of its own; raise what it raises, or RoleExit when it has not returned in time.

    The thread that waits is left behind with what it holds: the process is to end, and does, since it is a daemon.
    """
    raised: list[BaseException] = []

    def run() -> None:
        try:
            call()
        except BaseException as failure:  # noqa: BLE001 - raised again by the caller's thread
            raised.append(failure)

    thread = threading.Thread(target=run, name="unreturning", daemon=True)
    thread.start()
    thread.join(within_s)
    if thread.is_alive():
        raise RoleExit("a call of the Kafka client does not return", place=place)
    if raised:
        raise raised[0]
