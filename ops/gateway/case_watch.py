"""The gateway's thread that follows erasure cases, so that who does not answer is seen."""

import contextlib
import logging
import threading
from collections.abc import Iterator, Mapping

from ...processors.erasure_case import Case
from ...schemas.errors import PenstockError
from ...streams.erasures import CaseReader
from ...streams.settings import Cluster

PAUSE_S = 1.0
POLL_S = 0.2
log = logging.getLogger(__name__)


class CaseWatch:
    """The cases as of a moment ago."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._stop = threading.Event()
        self._cases: Mapping[str, Case] = {}
        self._thread = threading.Thread(target=self._run, name="cases", daemon=True)
        self._thread.start()

    def now(self) -> Mapping[str, Case]:
        return self._cases

    def _run(self) -> None:
        said = ""
        while not self._stop.is_set():
            try:
                self._follow()
            except PenstockError as missing:
                if str(missing) != said:
                    log.warning("erasure cases cannot be followed: %s", missing)
                said = str(missing)
                self._stop.wait(PAUSE_S)

    def _follow(self) -> None:
        with contextlib.closing(CaseReader(self._cluster)) as reader:
            self._cases = dict(reader.catch_up())
            while not self._stop.is_set():
                reader.poll(POLL_S)
                self._cases = dict(reader.cases)

    def close(self) -> None:
        self._stop.set()
        self._thread.join(2 * PAUSE_S)


@contextlib.contextmanager
def watching_cases(cluster: Cluster) -> Iterator[CaseWatch]:
    """Follow cases while the block runs. What Kafka refuses or does not answer is tried again."""
    watch = CaseWatch(cluster)
    try:
        yield watch
    finally:
        watch.close()
