"""What every role's process does alike: logging, signals, dying with the supervisor."""

import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

from ...schemas.errors import PenstockError
from ..processes import die_with_parent

PARENT = "PENSTOCK_PARENT"
"""Environment variable by which a supervisor says whose end ends the role too."""


@contextmanager
def role_process(name: str) -> Iterator[Event]:
    """Set the process up and give the event that SIGTERM and SIGINT set.

    An error of ours ends the process with its exit code and one line, the last of its log.
    """
    parent = os.environ.get(PARENT)
    if parent:
        die_with_parent(int(parent))
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
