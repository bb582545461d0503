"""The HTTP side of a role's health: a small server for its pages, and asking one."""

import http.client
import logging
import socket
import socketserver
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any, Self, cast

TIMEOUT_S = 2.0
LOOPBACK = "127.0.0.1"

log = logging.getLogger(__name__)

Pages = Callable[[str], tuple[int, str, bytes]]
"""Gives status, media type and body of a path."""


class PageServer:
    """Serves pages on `host` and `port` from a thread of its own. Raises OSError when it cannot listen there."""

    def __init__(self, host: str, port: int, pages: Pages) -> None:
        kind = _Server6 if ":" in host else _Server
        self._server = kind((host, port), pages)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="health", daemon=True)

    @property
    def address(self) -> tuple[str, int]:
        return str(self._server.server_address[0]), self._server.server_address[1]

    def start(self) -> Self:
        self._thread.start()
        return self

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(socketserver.ThreadingTCPServer):
    """The standard library's HTTP server without its look-up of the machine's name."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], pages: Pages) -> None:
        self.pages = pages
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the library's signature
        """Note a client that went away; the library would print a stack into the role's log."""
        log.debug("a health request failed")


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Handler(BaseHTTPRequestHandler):
    timeout = TIMEOUT_S
    server_version = "penstock"
    sys_version = ""

    def do_GET(self) -> None:
        status, media_type, body = cast("_Server", self.server).pages(self.path)
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Keep probes out of the log."""


def ask(port: int, path: str, timeout_s: float = TIMEOUT_S) -> tuple[int, str] | None:
    """Return status and body of a role's page; None if nothing answers there. Never goes through a proxy."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=timeout_s)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except (OSError, http.client.HTTPException, UnicodeDecodeError):
        return None
    finally:
        connection.close()
