"""A TCP proxy that breaks connections in mid-message: each one after as many bytes from behind it as it is told."""

import contextlib
import socket
import threading
from collections.abc import Sequence
from typing import Self


class CuttingProxy:
    """Listens on `port` of 127.0.0.1 in front of `upstream`.

    The first connection is cut after `after[0]` bytes that came from there, the second after `after[1]`, and so on;
    later ones are passed on whole. `cut`: how many were.
    """

    def __init__(self, upstream: int, after: Sequence[int]) -> None:
        self._upstream, self._after = upstream, list(after)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.cut = 0
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        for one in self._open:
            _end(one)
        for thread in self._threads:
            thread.join(10)
        for one in (self._listener, *self._open):
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                behind = socket.create_connection(("127.0.0.1", self._upstream))
                self._open += [client, behind]
                left = self._after.pop(0) if self._after else None
                for way in ((self._pass, client, behind, None), (self._pass, behind, client, left)):
                    self._threads.append(threading.Thread(target=way[0], args=way[1:], daemon=True))
                    self._threads[-1].start()

    def _pass(self, source: socket.socket, to: socket.socket, left: int | None) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536 if left is None else left):
                to.sendall(data)
                left = None if left is None else left - len(data)
                if left == 0:
                    self.cut += 1
                    break
        _end(source)
        _end(to)


def _end(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
