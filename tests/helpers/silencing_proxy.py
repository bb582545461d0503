"""A worker's way to Kafka on which single connections can be held in silence, by what they asked and about what.

As a process of its own, whose work slows nobody's clock (`python silencing_proxy.py BEHIND ABOUT …`: Kafka's port, and
names of topics as their bytes in hex). It says `{"port": n}`. Orders come as lines of JSON on standard input:

    {"silent": [1, 2]}     from now on connections that ever asked in such requests about such a topic are held
    {"silent": null}       every connection is held
    {"silent": []}         nothing is held any more

each answered by `{"held": [...]}`: for each connection that is held, the kinds of request that it asked with about the
topics. Data is held both ways, also on connections that are made later, and passed on, in order, once nothing is held
any more. Kafka says in two kinds of answers where it is; this says there that it is here.
"""

import asyncio
import contextlib
import json
import struct
import sys
from collections import deque
from collections.abc import Callable

FETCH, LIST_OFFSETS, METADATA, FIND_COORDINATOR = 1, 2, 3, 10
HOST = b"127.0.0.1"
CHUNK = 1 << 20


class Way:
    """All connections of the worker. `silent`: kinds of request; None is all of them and all else."""

    def __init__(self, about: list[bytes]) -> None:
        self.about = about
        self.silent: frozenset[int] | None = frozenset()
        self.links: set[Link] = set()
        self._changed = asyncio.Event()

    def silence(self, kinds: list[int] | None) -> None:
        self.silent = None if kinds is None else frozenset(kinds)
        self._changed.set()
        self._changed = asyncio.Event()

    async def open(self, link: "Link") -> None:
        """Return when a connection may pass data on."""
        while self.holds(link):
            await self._changed.wait()

    def holds(self, link: "Link") -> bool:
        return self.silent is None or not self.silent.isdisjoint(link.asked)


class Link:
    """One connection of the worker, and the one to Kafka behind it."""

    def __init__(self, way: Way, moved: Callable[[bytes], bytes]) -> None:
        self._way = way
        self._moved = moved
        self._awaited: deque[int] = deque()  # kinds of the requests without an answer: Kafka answers in order
        self.asked: set[int] = set()

    async def up(self, requests: asyncio.StreamReader, broker: asyncio.StreamWriter) -> None:
        while True:
            request = await _frame(requests)
            (kind,) = struct.unpack_from(">h", request, 4)
            if kind in {FETCH, LIST_OFFSETS} and any(one in request for one in self._way.about):
                self.asked.add(kind)
            await self._way.open(self)
            self._awaited.append(kind)
            await _send(broker, request)

    async def down(self, answers: asyncio.StreamReader, worker: asyncio.StreamWriter) -> None:
        while True:
            answer = await _frame(answers)
            where = self._awaited.popleft() in {METADATA, FIND_COORDINATOR}
            await self._way.open(self)
            await _send(worker, self._moved(answer) if where else answer)


async def _frame(source: asyncio.StreamReader) -> bytes:
    head = await source.readexactly(4)
    return head + await source.readexactly(int.from_bytes(head))


async def _send(to: asyncio.StreamWriter, data: bytes) -> None:
    to.write(data)
    await to.drain()


def moving(behind: int, here: int) -> Callable[[bytes], bytes]:
    """Return what lets an answer say that Kafka is `here`: a host's name is followed by its port, in four bytes."""
    theirs, ours = (HOST + struct.pack(">i", port) for port in (behind, here))
    return lambda answer: answer.replace(theirs, ours)


async def _pass_on(way: Way, behind: int, requests: asyncio.StreamReader, worker: asyncio.StreamWriter) -> None:
    answers, broker = await asyncio.open_connection(HOST.decode(), behind, limit=CHUNK)
    link = Link(way, moving(behind, worker.get_extra_info("sockname")[1]))
    way.links.add(link)
    ways = [asyncio.ensure_future(one) for one in (link.up(requests, broker), link.down(answers, worker))]
    try:
        done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for one in done:
            one.result()
    finally:
        for one in ways:
            one.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        way.links.discard(link)
        broker.transport.abort()


async def _serve(behind: int, way: Way) -> None:
    async def accept(requests: asyncio.StreamReader, worker: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await _pass_on(way, behind, requests, worker)
        worker.transport.abort()

    server = await asyncio.start_server(accept, HOST.decode(), 0, limit=CHUNK)
    _say({"port": server.sockets[0].getsockname()[1]})
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    while line := await orders.readline():
        way.silence(json.loads(line)["silent"])
        _say({"held": [sorted(link.asked) for link in way.links if way.holds(link)]})


def _say(what: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), Way([bytes.fromhex(one) for one in sys.argv[2:]])))
