"""What every role's process does alike: logging and signals. The supervisor sees to it that roles end with it."""

import logging
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

from ...schemas.errors import PenstockError


@contextmanager
def role_process(name: str) -> Iterator[Event]:
    """Set the process up and give the event that SIGTERM and SIGINT set.

    An error of ours ends the process with its exit code and one line, the last of its log.
    """
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format=f"%(asctime)s %(levelname)s {name} %(name)s: %(message)s"
    )
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        yield stop
    except PenstockError as error:
        logging.getLogger(__name__).error("%s", error)  # noqa: TRY400 - expected errors need no stack
        sys.exit(error.exit_code)
