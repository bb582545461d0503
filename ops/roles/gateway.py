"""The role `gateway`: schema registry and key desk, one HTTP server."""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import NamedTuple, cast

from starlette.applications import Starlette
from starlette.routing import Route

from ...connectors.http.rate import Rate
from ...schemas.ecosystem import NamedRegistry
from ...schemas.errors import PenstockError
from ...schemas.generation import Generation
from ...schemas.ports import AsgiApp, Listen
from ...schemas.principals import GATEWAY
from ...streams.control import ControlReader
from ...streams.control_end import ControlEnd
from ...streams.erasures import write_receipts
from ...streams.settings import Cluster
from ..abreast import require_abreast, require_orders_abreast
from ..access.establish import establish
from ..access.watch import RefusalWatch
from ..clock import now_ms
from ..gateway.case_watch import watching_cases
from ..gateway.doors import Doors
from ..gateway.entitled import Entitled
from ..gateway.erasures_api import ErasureDesk
from ..gateway.hand_out import HandingOut
from ..gateway.keys_api import KeyDesk, Where
from ..gateway.registry import Registry, registry_routes
from ..gateway.registry_door import RegistryDoor
from ..gateway.warding import warding
from ..health import RoleServer
from ..metrics import GatewayMetrics
from ..vital_signs import vital_signs
from ..wiring import Wiring
from .process import role_process
from .serving import serving

log = logging.getLogger(__name__)
POLL_S = 0.2
_TOLD = frozenset({"security.protocol", "sasl.mechanism", "sasl.mechanisms"})


class Known(NamedTuple):
    """What is known to be in force, and how many seconds ago that was all there is."""

    current: Callable[[], Generation | None]
    age_s: Callable[[], float]


def run_gateway(directory: Path, port: int | None) -> None:
    """Serve until told to stop. The port is kept from one start to the next, so that clients need not be told."""
    with role_process("gateway") as stop:
        wiring = Wiring(directory, GATEWAY)
        establish(wiring)
        cluster = wiring.cluster()
        metrics = GatewayMetrics()
        require_orders_abreast(wiring)
        with _following(cluster, stop) as current:
            if (generation := current.now()) is not None:
                require_abreast(wiring, generation)
            end = ControlEnd(cluster, current.reader)
            known = Known(current.now, lambda: end.age_s)
            app = cast("AsgiApp", Starlette(routes=_routes(wiring, known, metrics)))
            metrics.watch(current.now, wiring.home)
            with serving(app, _listen(wiring, port), wiring.home.run / "gateway.port") as served:
                url = wiring.ecosystem.gateway.url or served.url
                with (
                    RoleServer("gateway", wiring.home.run, metrics, url=url),
                    vital_signs(wiring, metrics, metrics.dependencies, end),
                    warding(cluster, current.now),
                    watching_cases(cluster) as cases,
                    contextlib.closing(RefusalWatch(wiring, current.now, metrics.access.refused)) as watch,
                ):
                    metrics.erasures.watch(cases.now)
                    metrics.state("running", "")
                    while served.alive and not stop.wait(POLL_S):
                        watch.tick()


def _listen(wiring: Wiring, port: int | None) -> Listen:
    said = wiring.ecosystem.gateway

    def at(file: str | None) -> str | None:
        return str(wiring.home.root / file) if file else None

    files = (at(said.certificate_file), at(said.key_file), at(said.client_ca_file))
    return Listen(said.host, said.port if port is None else port, *files)


def _routes(wiring: Wiring, known: Known, metrics: GatewayMetrics) -> list[Route]:
    named, cluster = wiring.ecosystem.registry, wiring.cluster()
    told = {name: said for name, said in cluster.security.items() if name in _TOLD}
    where = Where(cluster.bootstrap, named.url if isinstance(named, NamedRegistry) else None, told)
    entitled = Entitled(known.current, age_s=known.age_s)
    doors = Doors(wiring.tokens(), wiring.role_pass(), entitled, metrics.access)
    keys = wiring.key_store(metrics.dependencies, cached=0)
    handing_out = HandingOut(keys, wiring.hand_outs(), metrics.hand_outs, now_ms)
    rate = Rate(wiring.ecosystem.gateway.keys_per_second)
    routes = KeyDesk(doors, handing_out, entitled, where, rate).routes()
    routes += ErasureDesk(doors, wiring.papers(), known.current, lambda step: write_receipts(cluster, [step])).routes()
    if isinstance(named, NamedRegistry):
        return routes
    registry = Registry(cluster)
    return routes + registry_routes(registry, RegistryDoor(registry, doors, entitled))


class _Following:
    """The generation in force, followed by a thread of its own. A control topic that cannot be read ends the role."""

    def __init__(self, cluster: Cluster, stop: Event) -> None:
        self.reader = ControlReader(cluster)
        self.reader.catch_up()
        self._stop = stop
        self._thread = threading.Thread(target=self._follow, name="control")
        self._thread.start()

    def now(self) -> Generation | None:
        return self.reader.generation

    def _follow(self) -> None:
        try:
            while not self._stop.is_set():
                self.reader.poll(POLL_S)
        except PenstockError:
            log.exception("the control topic cannot be followed")
            self._stop.set()

    def close(self) -> None:
        self._thread.join()
        self.reader.close()


@contextlib.contextmanager
def _following(cluster: Cluster, stop: Event) -> Iterator[_Following]:
    following = _Following(cluster, stop)
    try:
        yield following
    finally:
        stop.set()
        following.close()
