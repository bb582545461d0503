"""The gateway's thread that fences slots which do not answer to a change."""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator

from ...schemas.errors import PenstockError
from ...schemas.generation import Generation
from ...streams.settings import Cluster
from ...streams.warden import Warden

PAUSE_S = 1.0
log = logging.getLogger(__name__)


@contextlib.contextmanager
def warding(cluster: Cluster, generation: Callable[[], Generation | None]) -> Iterator[None]:
    """Fence silent slots while the block runs. What Kafka refuses or does not answer is tried again."""
    stop = threading.Event()
    thread = threading.Thread(target=_run, args=(cluster, generation, stop), name="warden", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(2 * PAUSE_S)


def _run(cluster: Cluster, generation: Callable[[], Generation | None], stop: threading.Event) -> None:
    said = ""
    while not stop.is_set():
        try:
            with contextlib.closing(Warden(cluster, generation)) as warden:
                while not stop.is_set():
                    warden.tick()
                    said = ""
        except PenstockError as missing:
            # It begins anew, with what is in force then.
            if str(missing) != said:
                log.warning("silent slots cannot be fenced: %s", missing)
            said = str(missing)
            stop.wait(PAUSE_S)
