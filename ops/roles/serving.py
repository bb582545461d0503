"""Serving an ASGI application from a role: TLS, client certificates, and clients that are slow or too many.

A client whose certificate is expired, revoked (a CRL in `client_ca_file`) or of another authority does not get past
the handshake; one without a certificate does, and the application asks for a token.
"""

import asyncio
import contextlib
import logging
import resource
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from ...schemas.errors import ConfigurationError, UnavailableError
from ...schemas.ports import AsgiApp, Listen

log = logging.getLogger(__name__)

HEAD_S = 5.0
HANDSHAKE_S = 5.0
KEEP_ALIVE_S = 15
STARTED_S = 10.0
CLOSING_S = 2
OTHER_FILES = 256
"""File descriptors that a role needs beside its connections."""

CERTIFICATE = "penstock.client"
MEMBER_URN = "urn:penstock:member:"


class Serving:
    """An application that is being served; `url` says where."""

    def __init__(self, app: AsgiApp, listen: Listen, listener: socket.socket) -> None:
        scheme = "https" if listen.certificate_file else "http"
        self.url = f"{scheme}://{_reachable(listen.host)}:{listener.getsockname()[1]}"
        config = uvicorn.Config(
            app,
            http=type("Guest", (_Guest,), {"house": _House(_most_connections(listen.max_connections))}),
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            proxy_headers=False,  # headers never say who somebody is
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=CLOSING_S,
            ssl_context_factory=(lambda *_: context) if (context := tls_context(listen)) else None,
        )
        self._server = _Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listener]}, name="http", daemon=True
        )

    def start(self) -> None:
        """Return when it listens. Raises UnavailableError."""
        self._thread.start()
        if not self._server.listening.wait(STARTED_S):
            raise UnavailableError("the HTTP server does not start", place=self.url)

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        """Answer what was asked, or cut it off after `CLOSING_S`; return when nothing is served any more."""
        self._server.should_exit = True
        self._thread.join(CLOSING_S + 2.0)


@contextlib.contextmanager
def serving(app: AsgiApp, listen: Listen, kept: Path) -> Iterator[Serving]:
    """Serve `app` while the block runs. A free port (0) is written to `kept`, and taken again the next time.

    Raises ConfigurationError for a port or a file that cannot be used.
    """
    with bound(listen, kept) as listener:
        served = Serving(app, listen, listener)
        served.start()
        try:
            yield served
        finally:
            served.stop()


@contextlib.contextmanager
def bound(listen: Listen, kept: Path) -> Iterator[socket.socket]:
    """Give a listening socket."""
    before = kept.read_text().strip() if kept.exists() else ""
    wanted = [listen.port] if listen.port else [int(before), 0] if before.isdigit() else [0]
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    # Of a socket that does not say TCP, asyncio does not know that small answers must not wait 40 ms.
    with socket.socket(family, proto=socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _bind(listener, listen.host, wanted)
        listener.listen(1024)
        if not listen.port and before != str(listener.getsockname()[1]):  # on a full disk, writing would lose it
            kept.write_text(f"{listener.getsockname()[1]}\n")
        yield listener


def _bind(listener: socket.socket, host: str, ports: list[int]) -> None:
    why = ""
    for port in ports:
        try:
            listener.bind((host, port))
        except OSError as failure:
            why = failure.strerror or str(failure)
        else:
            return
    raise ConfigurationError(
        f"cannot listen there ({why})", place=f"{host}:{ports[0]}", remedy="choose another host or port"
    )


def tls_context(listen: Listen) -> ssl.SSLContext | None:
    """Return the server's side of TLS, None where there is none. Raises ConfigurationError for an unfit file."""
    if listen.certificate_file is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    place = listen.certificate_file
    try:
        context.load_cert_chain(listen.certificate_file, listen.key_file)
        if listen.client_ca_file is not None:
            place = listen.client_ca_file
            context.load_verify_locations(place)
            context.verify_mode = ssl.CERT_OPTIONAL
            if b"BEGIN X509 CRL" in Path(place).read_bytes():
                context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    except (OSError, ssl.SSLError) as failure:
        why = failure.strerror or type(failure).__name__
        remedy = "PEM files are wanted: a certificate with its chain and its key, without a password"
        raise ConfigurationError(f"TLS cannot use this file ({why})", place=place, remedy=remedy) from None
    return context


def member_of_certificate(certificate: Mapping[str, Any]) -> str | None:
    """Return the member of a verified certificate, as `ssl` tells it: its URN, else its common name; None if unclear.

    Of several URNs or names none is taken.
    """
    alternatives = [text for kind, text in certificate.get("subjectAltName", ()) if kind == "URI"]
    urns = [text.removeprefix(MEMBER_URN) for text in alternatives if text.startswith(MEMBER_URN)]
    names = [text for part in certificate.get("subject", ()) for kind, text in part if kind == "commonName"]
    found = urns or names
    return str(found[0]) if len(found) == 1 else None


def _reachable(host: str) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"[{host}]" if ":" in host else host


def _most_connections(wanted: int) -> int:
    """Return how many connections there may be; lets the process open as many files if the system does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        if soft < needed:
            log.warning("only %d files may be open: that many connections less %d", soft, OTHER_FILES)
            return max(1, soft - OTHER_FILES)
    return wanted


class _Server(uvicorn.Server):
    """Uvicorn's server, with a limit on how long a TLS handshake may take, and told when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        loop, config = asyncio.get_running_loop(), self.config

        def protocol() -> asyncio.Protocol:
            return config.http_protocol_class(config=config, server_state=self.server_state, app_state={}, _loop=loop)  # type: ignore[call-arg]

        limit = HANDSHAKE_S if config.ssl else None
        self.servers = [
            await loop.create_server(
                protocol, sock=one, ssl=config.ssl, backlog=config.backlog, ssl_handshake_timeout=limit
            )
            for one in sockets or ()
        ]
        self.started = True
        self.listening.set()


@dataclass(slots=True)
class _House:
    """The connections that are open. `idle`: those without a request in work, the oldest first."""

    most: int
    open: int = 0
    idle: dict[H11Protocol, None] = field(default_factory=dict)

    def admit(self, guest: H11Protocol) -> bool:
        """Let a connection in; where there is no room, the one that has been idle longest goes, or else this one."""
        full = self.open >= self.most
        if full and not self.idle:
            return False
        if full:
            oldest = next(iter(self.idle))
            del self.idle[oldest]
            oldest.transport.abort()
        self.open += 1
        self.idle[guest] = None
        return True


class _Guest(H11Protocol):
    """A connection that has `HEAD_S` for the head of each request; knows whose certificate it brought."""

    house: _House
    _patience: asyncio.TimerHandle | None = None
    _admitted = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._admitted = self.house.admit(self)
        if not self._admitted:
            transport.abort()
            return
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._admitted:
            self.house.open -= 1
            self.house.idle.pop(self, None)
        self._head_is_there()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._patience is None and self in self.house.idle:
            self._wait_for_head()
        super().data_received(data)

    def handle_events(self) -> None:
        before = self.cycle
        super().handle_events()
        if self.cycle is not before:
            self._head_is_there()
            self.house.idle.pop(self, None)
            self._show_certificate()

    def on_response_complete(self) -> None:
        self.house.idle[self] = None
        super().on_response_complete()

    def _wait_for_head(self) -> None:
        self._patience = self.loop.call_later(HEAD_S, self.transport.abort)

    def _head_is_there(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _show_certificate(self) -> None:
        """Add the member to the scope, before the application runs: its task has only been made."""
        certificate = self.transport.get_extra_info("peercert")
        member = member_of_certificate(certificate) if certificate else None
        if member is not None:
            scope: dict[str, Any] = cast("dict[str, Any]", self.scope)
            scope.setdefault("extensions", {})[CERTIFICATE] = member
