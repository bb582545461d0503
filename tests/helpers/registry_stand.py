"""A schema registry of an operator's own, which a test can take off the network or make answer nonsense."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse

from penstock.ops.gateway.registry import Registry, registry_routes
from penstock.streams.settings import Cluster


class RegistryStand:
    """Serves on one port of 127.0.0.1 from `up` to `down`."""

    def __init__(self, cluster: Cluster) -> None:
        self._registry = Registry(cluster)
        self._app = Starlette(routes=registry_routes(self._registry))
        self._answer = 0
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.up()

    def up(self) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", self.port))
        self._socket.listen()
        self._server = uvicorn.Server(
            uvicorn.Config(self._serve, interface="asgi3", log_level="warning", lifespan="off")
        )
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]})
        self._thread.start()

    def down(self) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()

    @contextmanager
    def away(self) -> Iterator[None]:
        """Off the network while the block runs."""
        self.down()
        try:
            yield
        finally:
            self.up()

    @contextmanager
    def answering(self, status: int) -> Iterator[None]:
        """Answers everything with `status` and a page that no registry would write."""
        self._answer = status
        try:
            yield
        finally:
            self._answer = 0

    async def _serve(self, scope: Any, receive: Any, send: Any) -> None:
        app = PlainTextResponse("something in between", self._answer) if self._answer else self._app
        await app(scope, receive, send)

    def close(self) -> None:
        self.down()
        self._registry.close()
