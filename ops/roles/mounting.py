"""A source that others send to, on its way up and down: where it listens, and who still waits when it stops."""

import contextlib
import logging
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from threading import Event

from ...schemas.ports import Served, Source
from ..processes import read_status, write_status
from .serving import serving

log = logging.getLogger(__name__)

STOP_S = 4.5


@contextlib.contextmanager
def mounted(source: Source, run: Path, role: str, stop: Event) -> Iterator[None]:
    """Serve `source` while the block runs, if it is one to be served; `<run>/<role>.json` gains its `url`.

    When `stop` is set, who waits is answered at once, and the process ends within 5 s whatever Kafka does: a
    transaction that is left open is the next process's to end, as after a kill.
    """
    if not isinstance(source, Served):
        yield
        return
    over = Event()
    threading.Thread(target=_end, args=(source, stop, over), name="stopping", daemon=True).start()
    try:
        with heard_at_once(stop), serving(source.app, source.listen, run / f"{role}.port") as served:
            status = run / f"{role}.json"
            write_status(status, {**(read_status(status) or {}), "url": served.url})
            log.info("listening on %s", served.url)
            try:
                yield
            finally:
                source.stop()  # while there is somebody to answer those who wait
    finally:
        over.set()


@contextlib.contextmanager
def heard_at_once(stop: Event) -> Iterator[None]:
    """Set `stop` the moment SIGTERM or SIGINT comes. For the main thread.

    Python runs a signal's handler between two steps of the main thread, and that may be inside the Kafka client for
    seconds; the number of the signal is in a pipe at once.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    threading.Thread(target=_hear, args=(reading, stop), name="signals", daemon=True).start()
    before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        os.close(writing)


def _hear(reading: int, stop: Event) -> None:
    with os.fdopen(reading, "rb", buffering=0) as signals:
        while number := signals.read(1):
            if number[0] in {signal.SIGTERM, signal.SIGINT}:
                stop.set()


def _end(source: Source, stop: Event, over: Event) -> None:
    stop.wait()
    source.stop()
    if not over.wait(STOP_S):
        log.warning("Kafka does not let the transaction end: it is left to the next process")
        os._exit(0)
