"""The role `connectors`: one source of `connectors.yaml`, so that no source's flood delays another."""

import contextlib
import logging
import traceback
from pathlib import Path
from threading import Event

from ...schemas.connectors import SourceDocument
from ...schemas.errors import ConfigurationError, PenstockError
from ...schemas.principals import connector_principal
from ...streams.control import ControlReader
from ...streams.publisher import Bench, Feed, Publisher
from ..abreast import require_abreast
from ..access.establish import introduce
from ..clock import now_ms
from ..documents.load import connectors_of
from ..health import RoleServer
from ..metrics import PublisherMetrics
from ..vital_signs import vital_signs
from ..wiring import Wiring
from .mounting import mounted
from .process import role_process

log = logging.getLogger(__name__)


def run_connectors(directory: Path, source: str) -> None:
    """Publish one source until told to stop; `source` may be empty where there is only one."""
    document = _chosen(connectors_of(directory).sources, source)
    wiring = Wiring(directory, connector_principal(document.id))
    name = f"connectors-{document.id}"
    with role_process(name) as stop:
        introduce(wiring)
        metrics = PublisherMetrics(document.id, document.dataset)
        with RoleServer(name, wiring.home.run, metrics):
            control = ControlReader(wiring.cluster())
            metrics.state("waiting", f"for a generation that names {document.dataset}")
            told = metrics.dependencies
            with contextlib.closing(control), vital_signs(wiring, metrics, told, control):
                if not control.wait_for(document.dataset, stop):
                    return
            generation = control.in_force()
            require_abreast(wiring, generation)
            contract = generation.contracts[document.dataset].contract
            metrics.know(generation.charter, contract, document.silence_after)
            made = wiring.source(document, contract, metrics.edge)
            feed = Feed(wiring.ecosystem.id, document.id, document.dataset, made, contract)
            keys = wiring.key_store(told, contract.provider, cached=0)
            told.watch_keys(keys.key_facts)
            publisher = Publisher(feed, Bench(wiring.cluster(), keys, metrics, now_ms))
            signs = vital_signs(wiring, metrics, told, publisher.control)
            with signs, mounted(made, wiring.home.run, name, stop):
                _publish(publisher, stop)


def _chosen(sources: tuple[SourceDocument, ...], wanted: str) -> SourceDocument:
    known = {one.id: one for one in sources}
    if not wanted and len(sources) == 1:
        return sources[0]
    if wanted not in known:
        raise ConfigurationError(
            f"there is no source `{wanted}`" if wanted else "a connectors role reads one source",
            remedy=f"name one of connectors.yaml: --source {'|'.join(sorted(known)) or 'ID'}",
        )
    return known[wanted]


def _publish(publisher: Publisher, stop: Event) -> None:
    try:
        publisher.run(stop)
    except PenstockError:
        raise
    except Exception as error:  # noqa: BLE001 - ends the role, and the supervisor starts it again
        # Where it happened, without the message: that may quote what the source read (law 5).
        log.error("the source ended:\n%s", "".join(traceback.format_tb(error.__traceback__)))  # noqa: TRY400
        raise PenstockError(f"the source ended: {type(error).__name__}") from None
    finally:
        publisher.close()
