"""A TCP proxy in front of Kafka that knows where a request ends: it can keep one back and deliver it later."""

import socket
import struct
import threading
import time
from collections.abc import Callable

END_TXN = 26
SLOW_S = 0.1
ANSWER_S = 30.0


class KafkaProxy:
    """Listens on `port` of 127.0.0.1 and passes everything on to `upstream`, which the broker advertises as itself.

    The first request that `keep` wants is kept: its connection to the client is then cut (`cut`) or left in silence;
    the one to the broker stays, so that `deliver` can send the request as if it had been on its way all the time.
    Requests that `slow` wants take `SLOW_S` longer.
    """

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.upstream = 0
        self.kept = threading.Event()
        self.slow: Callable[[int, bytes], bool] = lambda _key, _request: False
        self._keep: Callable[[int, bytes], bool] | None = None
        self._cut = False
        self._late: tuple[socket.socket, bytes, threading.Thread] | None = None
        self._open: list[socket.socket] = [self._listener]
        threading.Thread(target=self._accept, daemon=True).start()

    def keep_first(self, keep: Callable[[int, bytes], bool], *, cut: bool) -> None:
        self.kept.clear()
        self._keep, self._cut = keep, cut

    def deliver(self) -> None:
        """Send the kept request and wait until the broker has answered it."""
        assert self._late is not None
        broker, request, answers = self._late
        answers.join()  # else it may take the answer
        broker.settimeout(ANSWER_S)
        broker.sendall(request)
        assert _request(broker) is not None

    def close(self) -> None:
        for one in self._open:
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                broker = socket.create_connection(("127.0.0.1", self.upstream))
            except OSError:
                client.close()
                continue
            self._open += [client, broker]
            silent = threading.Event()
            answers = threading.Thread(target=_answers, args=(client, broker, silent), daemon=True)
            answers.start()
            threading.Thread(target=self._requests, args=(client, broker, silent, answers), daemon=True).start()

    def _requests(
        self, client: socket.socket, broker: socket.socket, silent: threading.Event, answers: threading.Thread
    ) -> None:
        try:
            while (request := _request(client)) is not None:
                key = struct.unpack_from(">h", request, 4)[0]
                if self._keep is not None and self._keep(key, request):
                    silent.set()
                    self._keep, self._late = None, (broker, request, answers)
                    if self._cut:
                        client.shutdown(socket.SHUT_RDWR)
                    self.kept.set()
                    return
                if self.slow(key, request):
                    time.sleep(SLOW_S)
                broker.sendall(request)
            broker.shutdown(socket.SHUT_RDWR)
        except OSError:
            return


def end_of_transaction(key: int, request: bytes) -> bool:
    """EndTxn, of a commit: the flag is the request's last byte."""
    return key == END_TXN and request[-1] == 1


def _request(source: socket.socket) -> bytes | None:
    """One request or response with its length in front; None at the end of the stream."""
    head = _exactly(source, 4)
    body = head and _exactly(source, struct.unpack(">i", head)[0])
    return head + body if head and body else None


def _exactly(source: socket.socket, size: int) -> bytes | None:
    data = b""
    while len(data) < size:
        more = source.recv(size - len(data))
        if not more:
            return None
        data += more
    return data


def _answers(client: socket.socket, broker: socket.socket, silent: threading.Event) -> None:
    try:
        while not silent.is_set():
            broker.settimeout(0.1)
            try:
                data = broker.recv(65536)
            except TimeoutError:
                continue
            if not data:
                break
            client.sendall(data)
        if not silent.is_set():
            client.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
