"""Does a broker answer? One ApiVersions request on a plain socket; a connect alone says too little."""

import socket
import struct
import time
from collections.abc import Callable

from ...schemas.errors import UnavailableError

_API_VERSIONS, _VERSION, _CORRELATION = 18, 0, 0x50454E53


def broker_answers(bootstrap: str, timeout_s: float = 1.0) -> bool:
    """Whether `host:port` answers an ApiVersions v0 request without an error."""
    host, _, port = bootstrap.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=timeout_s) as connection:
            connection.sendall(_request())
            size, correlation, error = struct.unpack(">iih", _read(connection, 10))
    except (OSError, EOFError):
        return False
    return bool(size >= 6 and correlation == _CORRELATION and error == 0)


def wait_ready(bootstrap: str, timeout_s: float, *, alive: Callable[[], bool] = lambda: True) -> None:
    """Returns once the broker answers; raises when `timeout_s` is over or `alive` says that it ended."""
    deadline = time.monotonic() + timeout_s
    while not broker_answers(bootstrap):
        if not alive():
            raise UnavailableError("Kafka ended before it answered", place=bootstrap)
        if time.monotonic() > deadline:
            raise UnavailableError(f"Kafka did not answer within {timeout_s:.0f} s", place=bootstrap)
        time.sleep(0.05)


def _request() -> bytes:
    client = b"penstock"
    body = struct.pack(">hhih", _API_VERSIONS, _VERSION, _CORRELATION, len(client)) + client
    return struct.pack(">i", len(body)) + body


def _read(connection: socket.socket, size: int) -> bytes:
    got = b""
    while len(got) < size:
        piece = connection.recv(size - len(got))
        if not piece:
            raise EOFError
        got += piece
    return got
