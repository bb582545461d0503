"""One HTTP request as ASGI brings it: its head, its body within limits of size and time, and the answer."""

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

from .options import HttpOptions
from .problem import Answer, Problem

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

DRAIN_S = 1.0
KEY_PATTERN = r"""^([!#-\[\]-~]{1,255}|"[!#-\[\]-~]{1,253}")$"""
"""Of an Idempotency-Key: visible ASCII but for quotes and backslashes, which may stand in quotes as the draft wants."""


class Gone(Exception):  # noqa: N818 - nobody is left to be told
    """The client went away before its request was whole."""


class Request:
    """`hold(bytes)` is told how much of the body lies in memory, and may raise Problem."""

    def __init__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self._scope = scope
        self._receive = receive
        self._send = send
        self._whole = not (self._header("content-length") or self._header("transfer-encoding"))
        self._continues = bool(self._header("expect"))

    def certificate(self) -> str | None:
        """Return the member whose client certificate the server believed."""
        found = self._scope.get("extensions", {}).get("penstock.client")
        return found if isinstance(found, str) else None

    def only(self, name: str) -> str:
        """Return a header that may come once, empty without it. Raises Problem."""
        found = self._header(name)
        if len(found) > 1:
            raise Problem(400, "header", f"the header {name} may come once")
        return found[0] if found else ""

    def bearer(self) -> str:
        """Return the bearer token, empty without one."""
        scheme, _, token = self.only("authorization").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""

    def idempotency_key(self) -> str:
        """Return the key, without quotes; empty without one. Raises Problem."""
        found = self.only("idempotency-key")
        if not found and not self._header("idempotency-key"):
            return ""
        if not re.fullmatch(KEY_PATTERN, found) or found.endswith("\n"):
            detail = "an Idempotency-Key is 1 to 255 visible ASCII characters without quotes and backslashes"
            raise Problem(400, "idempotency_key", detail)
        return found.strip('"')

    def query(self, name: str) -> str:
        """Return a parameter of the query that may come once, empty without it. Raises Problem."""
        text = self._scope.get("query_string", b"").decode("latin-1")
        try:
            found = parse_qs(text, keep_blank_values=True, max_num_fields=100).get(name, [])
        except ValueError:
            found = ["", ""]
        if len(found) > 1:
            raise Problem(400, "query", f"the parameter {name} may come once")
        return found[0] if found else ""

    async def body(self, options: HttpOptions, hold: Callable[[int], None]) -> bytes:
        """Return the whole body. Raises Problem for one too large or too slow, Gone without a client."""
        said = self.only("content-length")
        if said.isdigit() and int(said) > options.max_body_bytes:
            raise _too_large(options)
        try:
            async with asyncio.timeout(options.body_seconds):
                return await self._pieces(options, hold)
        except TimeoutError:
            detail = f"the body was not whole after {options.body_seconds:g} s"
            raise Problem(408, "slow", detail) from None

    async def _pieces(self, options: HttpOptions, hold: Callable[[int], None]) -> bytes:
        pieces, size = [], 0
        while not self._whole:
            piece = await self._piece()
            size += len(piece)
            if size > options.max_body_bytes:
                raise _too_large(options)
            hold(len(piece))
            pieces.append(piece)
        return b"".join(pieces)

    async def _piece(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise Gone
        self._whole = not message.get("more_body", False)
        found: bytes = message.get("body", b"")
        return found

    async def answer(self, answer: Answer, *, close: bool = False) -> None:
        """Send the answer. Where the body was not read to its end, the connection ends with it."""
        await self._drain()
        body = answer.body()
        headers = {
            "content-type": answer.media,
            "content-length": str(len(body)),
            "cache-control": "no-store",
            **answer.headers,
            **({"connection": "close"} if close or not self._whole else {}),
        }
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": answer.status, "headers": raw})
        sent = b"" if self.method == "HEAD" else body
        await self._send({"type": "http.response.body", "body": sent, "more_body": False})

    async def _drain(self) -> None:
        """Read past the rest of the body for a moment: a client that still sends would not see the answer."""
        if self._whole or self._continues:
            return
        with contextlib.suppress(TimeoutError, Gone):
            async with asyncio.timeout(DRAIN_S):
                while not self._whole:
                    await self._piece()

    def _header(self, name: str) -> list[str]:
        wanted = name.encode()
        return [value.decode("latin-1") for found, value in self._scope["headers"] if found == wanted]


def _too_large(options: HttpOptions) -> Problem:
    return Problem(413, "body_too_large", f"a body has at most {options.max_body_bytes} bytes: send several requests")
