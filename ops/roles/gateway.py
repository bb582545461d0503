"""The role `gateway`: schema registry and key desk, one HTTP server."""

import contextlib
import logging
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import uvicorn
from starlette.applications import Starlette

from ...schemas.ecosystem import NamedRegistry
from ...schemas.errors import ConfigurationError, PenstockError
from ...schemas.generation import Generation
from ...streams.control import ControlReader
from ...streams.settings import Cluster
from ...streams.topics import ensure, own_topics
from ..gateway.keys_api import KeyDesk, Where
from ..gateway.registry import Registry, registry_routes
from ..health import RoleServer
from ..metrics import GatewayMetrics
from ..processes import read_status
from ..wiring import Wiring
from .process import role_process

log = logging.getLogger(__name__)
POLL_S = 0.2


def run_gateway(directory: Path, port: int | None) -> None:
    """Serve until told to stop. The port is kept from one start to the next, so that clients need not be told."""
    with role_process("gateway") as stop:
        wiring = Wiring(directory)
        cluster = wiring.cluster()
        ensure(cluster, own_topics())
        metrics = GatewayMetrics()
        with _listening(wiring.home.run / "gateway.json", port) as listener, _following(cluster, stop) as current:
            named = wiring.ecosystem.registry
            where = Where(cluster.bootstrap, named.url if isinstance(named, NamedRegistry) else None)
            routes = KeyDesk(wiring.tokens(), wiring.key_store(), current.now, where).routes()
            if not isinstance(named, NamedRegistry):
                routes += registry_routes(Registry(cluster))
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            with RoleServer("gateway", wiring.home.run, metrics, url=url):
                metrics.state("running", "")
                _serve(Starlette(routes=routes), listener, stop)


def _serve(app: Starlette, listener: socket.socket, stop: Event) -> None:
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off", access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="http")
    thread.start()
    while thread.is_alive() and not stop.wait(POLL_S):
        pass
    server.should_exit = True
    thread.join(timeout=5)


@contextlib.contextmanager
def _listening(status: Path, port: int | None) -> Iterator[socket.socket]:
    before = str((read_status(status) or {}).get("url", "")).rpartition(":")[2]
    wanted = [port] if port is not None else [int(before)] if before.isdigit() else []
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for candidate in [*wanted, *([0] if port is None else [])]:
            with contextlib.suppress(OSError):
                listener.bind(("127.0.0.1", candidate))
                break
        else:
            raise ConfigurationError(f"port {port} is taken", remedy="choose another with --port")
        listener.listen()
        yield listener


class _Following:
    """The generation in force, followed by a thread of its own. A control topic that cannot be read ends the role."""

    def __init__(self, cluster: Cluster, stop: Event) -> None:
        self._reader = ControlReader(cluster)
        self._reader.catch_up()
        self._stop = stop
        self._thread = threading.Thread(target=self._follow, name="control")
        self._thread.start()

    def now(self) -> Generation | None:
        return self._reader.generation

    def _follow(self) -> None:
        try:
            while not self._stop.is_set():
                self._reader.poll(POLL_S)
        except PenstockError:
            log.exception("the control topic cannot be followed")
            self._stop.set()

    def close(self) -> None:
        self._thread.join()
        self._reader.close()


@contextlib.contextmanager
def _following(cluster: Cluster, stop: Event) -> Iterator[_Following]:
    following = _Following(cluster, stop)
    try:
        yield following
    finally:
        stop.set()
        following.close()
