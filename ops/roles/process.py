"""What every role's process does alike: logging and signals. The supervisor sees to it that roles end with it."""

import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

from ...schemas.errors import PenstockError
from ..faults import heed


@contextmanager
def role_process(name: str, *, at_once: bool = False) -> Iterator[Event]:
    """Set the process up and give the event that SIGTERM and SIGINT set.

    An error of ours ends the process with its exit code and one line, the last of its log. With `at_once` the process
    ends where the block does, without Python's own end, in which clients that were kept as they are could still hang.
    """
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format=f"%(asctime)s %(levelname)s {name} %(name)s: %(message)s"
    )
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        heed()
        yield stop
    except PenstockError as error:
        logging.getLogger(__name__).error("%s", error)  # noqa: TRY400 - expected errors need no stack
        _end(error.exit_code, at_once=at_once)
    _end(0, at_once=at_once)


def _end(code: int, *, at_once: bool) -> None:
    if at_once:
        logging.shutdown()
        os._exit(code)
    if code:
        sys.exit(code)
