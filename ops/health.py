"""A role's health, asked over HTTP on the loopback: `/health` for people and probes, `/metrics` for Prometheus."""

import http.client
import json
import logging
import os
import socketserver
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Self, cast

from .home import Home
from .metrics import RoleMetrics
from .processes import is_running, read_status, write_status

log = logging.getLogger(__name__)

TIMEOUT_S = 2.0
_TEXT = "text/plain; version=0.0.4; charset=utf-8"


class RoleServer:
    """Answers for a role on a free port of 127.0.0.1, which stands in `<run>/<role>.json` with the process's id.

    The file stays when the role ends: whoever reads it asks the port, and a role started again may want its facts.
    """

    def __init__(self, role: str, run: Path, metrics: RoleMetrics, **facts: Any) -> None:
        self._role = role
        self._run = run
        self._metrics = metrics
        self._facts = facts

    def __enter__(self) -> Self:
        self._server = _Server(self.page)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="health", daemon=True)
        self._thread.start()
        facts = {"role": self._role, "pid": os.getpid(), "port": self._server.server_address[1], **self._facts}
        write_status(self._run / f"{self._role}.json", facts)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def health(self) -> dict[str, Any]:
        """Return what `/health` says."""
        health = self._metrics.health
        said = {"role": self._role, "pid": os.getpid(), "state": health.state, "since": health.since}
        return {**said, "reason": health.reason}

    def page(self, path: str) -> tuple[int, str, bytes]:
        """Return status, media type and body of a page."""
        if path == "/metrics":
            return HTTPStatus.OK, _TEXT, self._metrics.page()
        if path == "/health":
            health = self.health()
            status = HTTPStatus.OK if health["state"] == "running" else HTTPStatus.SERVICE_UNAVAILABLE
            return status, "application/json", json.dumps(health).encode()
        return HTTPStatus.NOT_FOUND, _TEXT, b"/health and /metrics\n"


Pages = Callable[[str], tuple[int, str, bytes]]


class _Server(socketserver.ThreadingTCPServer):
    """The standard library's HTTP server without its look-up of the machine's name."""

    daemon_threads = True

    def __init__(self, pages: Pages) -> None:
        self.pages = pages
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the library's signature
        """Note a client that went away; the library would print a stack into the role's log."""
        log.debug("a health request failed")


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
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except (OSError, http.client.HTTPException, UnicodeDecodeError):
        return None
    finally:
        connection.close()


def status(ecosystem_dir: Path) -> list[dict[str, Any]]:
    """Return a row for each role that ever ran here: role, state, since, reason, pid and what else its file says.

    `state` is what the role says of itself, `not answering`, or `stopped`. The broker has no port of this kind; ask
    `broker.daemon` about it.
    """
    run = Home(Path(ecosystem_dir).resolve()).run
    files = {path.stem: read_status(path) for path in sorted(run.glob("*.json"))}
    return [_row(facts) for facts in files.values() if facts is not None and "port" in facts and "role" in facts]


def _row(facts: dict[str, Any]) -> dict[str, Any]:
    if not is_running(int(facts["pid"])):
        return {**facts, "state": "stopped", "since": None, "reason": ""}
    said = health_of(int(facts["port"]))
    # Its number and port may be another's by now.
    if (said.get("role"), said.get("pid")) != (facts["role"], facts["pid"]):
        return {**facts, "state": "not answering", "since": None, "reason": ""}
    return {**facts, **said}


def health_of(port: int, timeout_s: float = TIMEOUT_S) -> dict[str, Any]:
    """Return what the role that answers on `port` says of itself; nothing if none does."""
    answer = ask(port, "/health", timeout_s)
    try:
        found = json.loads(answer[1]) if answer else None
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
