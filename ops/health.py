"""A role's health, asked over HTTP on the loopback: `/health` for people and probes, `/metrics` for Prometheus."""

import contextlib
import json
import os
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ..schemas.errors import ConfigurationError, RoleExit
from .fences import count_fence, fences
from .health_http import LOOPBACK, TIMEOUT_S, PageServer, ask
from .home import Home
from .metrics import RoleMetrics
from .processes import is_running, read_status, write_status
from .targets import list_targets

__all__ = ["LISTEN_ENV", "TIMEOUT_S", "RoleServer", "ask", "health_of", "status"]

LISTEN_ENV = "PENSTOCK_METRICS_LISTEN"
"""HOST:PORT where the pages are served besides, for a Prometheus that is elsewhere: in a container, say."""

_TEXT = "text/plain; version=0.0.4; charset=utf-8"
_MOST_PORT = 65_535


class RoleServer:
    """Answers for a role on a port of 127.0.0.1, which stands in `<run>/<role>.json` with the process's id.

    The port is the one of the role's last process where that is free. The file stays when the role ends: whoever reads
    it asks the port, and a role started again may want its facts. Raises ConfigurationError for metrics that may not
    be (see `RoleMetrics.verify`), and where `PENSTOCK_METRICS_LISTEN` is no address or taken.
    """

    def __init__(self, role: str, run: Path, metrics: RoleMetrics, **facts: Any) -> None:
        self._role = role
        self._run = run
        self._metrics = metrics
        self._facts = facts
        self._servers: list[PageServer] = []

    def __enter__(self) -> Self:
        self._metrics.verify()
        self._metrics.fences = lambda: fences(self._run, self._role)
        elsewhere = self._elsewhere()
        self._servers = [self._at_home(), *elsewhere]
        for server in self._servers:
            server.start()
        facts = {"role": self._role, "pid": os.getpid(), "port": self.port, **self._facts}
        write_status(self._run / f"{self._role}.json", facts)
        list_targets(self._run)
        return self

    def __exit__(self, _kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if isinstance(error, RoleExit):
            with contextlib.suppress(OSError):
                count_fence(self._run, self._role)
        for server in self._servers:
            server.close()

    @property
    def port(self) -> int:
        return self._servers[0].address[1]

    def _at_home(self) -> PageServer:
        before = (read_status(self._run / f"{self._role}.json") or {}).get("port")
        if isinstance(before, int):
            with contextlib.suppress(OSError, OverflowError):
                return PageServer(LOOPBACK, before, self.page)
        return PageServer(LOOPBACK, 0, self.page)

    def _elsewhere(self) -> list[PageServer]:
        stated = os.environ.get(LISTEN_ENV, "")
        host, _, port = stated.rpartition(":")
        host = host.strip("[]")
        if not stated:
            return []
        if not host or not (port.isascii() and port.isdigit()) or int(port) > _MOST_PORT:
            raise ConfigurationError(f"{LISTEN_ENV} is no HOST:PORT", remedy="write it like 0.0.0.0:9464")
        try:
            return [PageServer(host, int(port), self.page)]
        except OSError as failure:
            raise ConfigurationError(
                f"the metrics cannot be served there ({failure.strerror or 'no such host'})",
                place=stated,
                remedy=f"set {LISTEN_ENV} to a free address of this machine; each role needs its own",
            ) from None

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
