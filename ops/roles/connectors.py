"""The role `connectors`: every source of `connectors.yaml`, each in a thread of its own."""

import logging
import threading
import traceback
from pathlib import Path
from threading import Event

from ...schemas.connectors import SourceDocument
from ...schemas.errors import PenstockError
from ...streams.publisher import Bench, Feed, Publisher
from ..documents.load import connectors_of
from ..health import RoleServer
from ..metrics import PublisherMetrics
from ..wiring import Wiring, now_ms
from .process import role_process

log = logging.getLogger(__name__)


def run_connectors(directory: Path) -> None:
    """Publish until told to stop. One source's end by an error ends the role: the supervisor starts all again."""
    with role_process("connectors") as stop:
        wiring = Wiring(directory)
        metrics = PublisherMetrics()
        with RoleServer("connectors", wiring.home.run, metrics):
            feeds = [_Running(one, wiring, metrics, stop) for one in connectors_of(wiring.home.root).sources]
            for feed in feeds:
                feed.start()
            stop.wait()
            for feed in feeds:
                feed.end()
            failed = next((feed.failure for feed in feeds if feed.failure), None)
            if failed:
                raise failed


class _Running:
    """A source at work in its thread."""

    def __init__(self, document: SourceDocument, wiring: Wiring, metrics: PublisherMetrics, stop: Event) -> None:
        self.failure: PenstockError | None = None
        self._stop = stop
        self._source = wiring.source(document)
        feed = Feed(wiring.ecosystem.id, document.id, document.dataset, self._source)
        self._publisher = Publisher(feed, Bench(wiring.cluster(), wiring.key_store(), metrics, now_ms))
        self._thread = threading.Thread(target=self._run, name=document.id)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._source.stop()
        self._thread.join()
        self._publisher.close()

    def _run(self) -> None:
        try:
            self._publisher.run(self._stop)
        except PenstockError as error:
            self.failure = error
        except Exception as error:  # noqa: BLE001 - ends the role, and the supervisor starts it again
            # Where it happened, without the message: that may quote what the source read (law 5).
            log.error("the source ended:\n%s", "".join(traceback.format_tb(error.__traceback__)))  # noqa: TRY400
            self.failure = PenstockError(f"the source ended: {type(error).__name__}", place=self._thread.name)
        finally:
            self._stop.set()
