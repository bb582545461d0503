"""A proxy of the fault bench between the workers and Kafka that knows where a request ends and what it asks for.

As a process of its own (`python proxy.py PORT:BEHIND …`): one port for each worker, which Kafka advertises
to that worker as itself. Orders come as lines of JSON on standard input, each is answered by one on standard output:

    {"do": "mode", "lane": 0, "cut": false, "mute_up": false, "mute_down": false, "delay_ms": 200}
    {"do": "reset", "lane": 0, "key": 0}          break off in the middle of the next request (of that kind; null: any)
    {"do": "hold", "lane": 0, "key": 26, "cut": true, "after": 1}
                                                  keep the next such request, deliver it after so many later Produce
    {"do": "told", "lane": 0}                     what became of the last `hold` or `reset`
    {"do": "forget", "lane": 0}                   catch nothing more

A held request's connection to the client is cut, or left in silence; the one to Kafka stays: the request arrives late,
as if it had been on its way all the time.
"""

import asyncio
import contextlib
import json
import struct
import sys
from dataclasses import dataclass, field
from typing import Any

PRODUCE, TXN_OFFSET_COMMIT, END_TXN = 0, 28, 26
CHUNK = 1 << 18


@dataclass
class Trap:
    """One request to catch: by `hold` or by `reset`."""

    kind: str
    key: int | None
    cut: bool = True
    after: int = 1


@dataclass
class Lane:
    """One worker's way to Kafka."""

    cut: bool = False
    mute_up: bool = False
    mute_down: bool = False
    delay_ms: int = 0
    trap: Trap | None = None
    told: dict[str, Any] = field(default_factory=dict)
    links: "set[Link]" = field(default_factory=set)
    late: "tuple[Link, bytes, int] | None" = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def set(self, **mode: Any) -> None:
        """Change how the lane is; whoever waits for it looks again."""
        for name, value in mode.items():
            setattr(self, name, value)
        self.changed.set()
        self.changed = asyncio.Event()
        if self.cut:
            for link in list(self.links):
                link.abort()

    async def open(self, way: str) -> None:
        """Return when the lane lets data through in a direction."""
        while getattr(self, way):
            await self.changed.wait()

    def forget(self) -> None:
        """Catch nothing more, and let go of what was caught."""
        if self.late is not None:
            self.late[0].abort()
        self.trap, self.late = None, None

    def caught(self, request: bytes) -> Trap | None:
        """Say whether the trap wants this request; it then is sprung."""
        trap = self.trap
        if trap is None or (trap.key is not None and api_key(request) != trap.key):
            return None
        if trap.key == END_TXN and not is_commit(request):
            return None
        self.trap = None
        return trap


class Link:
    """One connection of a worker, and the one to Kafka behind it."""

    def __init__(self, lane: Lane, client: asyncio.StreamWriter, broker: asyncio.StreamWriter) -> None:
        self._lane = lane
        self._client = client
        self._broker = broker
        self._due = {client: 0.0, broker: 0.0}
        self.silent = False
        self.answer: asyncio.Future[bytes] | None = None

    async def up(self, source: asyncio.StreamReader) -> None:
        """Pass requests on, whole."""
        while True:
            request = await _frame(source)
            await self._lane.open("mute_up")
            trap = self._lane.caught(request)
            if trap is not None:
                await self._spring(trap, request)
                return
            await self._send(self._broker, request)
            if api_key(request) == PRODUCE:
                await self._deliver_late()

    async def down(self, source: asyncio.StreamReader) -> None:
        """Pass answers on, as they come."""
        while data := await source.read(CHUNK):
            await self._lane.open("mute_down")
            if self.answer is not None and not self.answer.done():
                self.answer.set_result(data)
            if not self.silent:
                await self._send(self._client, data)

    async def _send(self, to: asyncio.StreamWriter, data: bytes) -> None:
        """Send in order: at once, or as late as the lane says and never before what was sent earlier."""
        loop = asyncio.get_running_loop()
        due = max(loop.time() + self._lane.delay_ms / 1000, self._due[to] + 1e-6)
        if due > loop.time() + 1e-4:
            self._due[to] = due
            loop.call_at(due, to.write, data)
        else:
            to.write(data)
            await to.drain()

    async def _spring(self, trap: Trap, request: bytes) -> None:
        lane = self._lane
        if trap.kind == "reset":
            await self._send(self._broker, request[: len(request) // 2])
            lane.told = {"sprung": True, "key": api_key(request)}
            self.abort()
            return
        lane.told = {"sprung": True, "key": api_key(request), "delivered": False}
        lane.late = (self, request, trap.after)
        self.silent = True
        if trap.cut:
            self._client.transport.abort()
        await asyncio.Event().wait()  # until the late delivery is over, see `_deliver_late`

    async def _deliver_late(self) -> None:
        """Deliver what was held once enough of later transactions has passed."""
        lane = self._lane
        if lane.late is None:
            return
        link, request, after = lane.late
        if after > 1:
            lane.late = (link, request, after - 1)
            return
        lane.late = None
        lane.told |= {"delivered": True, "answer": await link.ask(request)}

    async def ask(self, request: bytes) -> str:
        """Send a late request and return what Kafka answers: the bytes after the correlation id, in hex."""
        self.answer = asyncio.get_running_loop().create_future()
        try:
            await self._send(self._broker, request)
            return (await asyncio.wait_for(self.answer, 5))[8:24].hex()
        except (OSError, TimeoutError) as failure:
            return type(failure).__name__
        finally:
            self.abort()

    def abort(self) -> None:
        """Break both connections off."""
        for one in (self._client, self._broker):
            one.transport.abort()


def api_key(request: bytes) -> int:
    """Return what a request asks for."""
    return int(struct.unpack_from(">h", request, 4)[0])


def is_commit(request: bytes) -> bool:
    """Say whether an EndTxn commits: up to version 2 the flag is the last byte."""
    return request[-1] == 1


async def _frame(source: asyncio.StreamReader) -> bytes:
    head = await source.readexactly(4)
    return head + await source.readexactly(int.from_bytes(head))


class Proxy:
    """All lanes."""

    def __init__(self, ways: list[tuple[int, int]]) -> None:
        self._ways = ways
        self.lanes = [Lane() for _ in ways]

    async def serve(self) -> None:
        """Listen, then obey until standard input ends."""
        for lane, (port, upstream) in zip(self.lanes, self._ways, strict=True):
            await asyncio.start_server(self._accepting(lane, upstream), "127.0.0.1", port, limit=CHUNK)
        self._say({"listening": [port for port, _ in self._ways]})
        orders = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
        while line := await orders.readline():
            self._say(self._obey(json.loads(line)))

    def _obey(self, order: dict[str, Any]) -> dict[str, Any]:
        lane, do = self.lanes[order.pop("lane")], order.pop("do")
        if do == "mode":
            lane.set(**order)
        elif do in {"hold", "reset"}:
            lane.told = {"sprung": False}
            lane.trap = Trap(do, **order)
        elif do == "forget":
            lane.forget()
        return {"links": len(lane.links), **lane.told}

    def _say(self, what: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(what) + "\n")
        sys.stdout.flush()

    def _accepting(self, lane: Lane, upstream: int) -> Any:
        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if lane.cut:
                writer.transport.abort()
                return
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await _pass_on(lane, upstream, reader, writer)
            writer.transport.abort()

        return accept


async def _pass_on(lane: Lane, upstream: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    answers, broker = await asyncio.open_connection("127.0.0.1", upstream, limit=CHUNK)
    link = Link(lane, writer, broker)
    lane.links.add(link)
    ways = [asyncio.ensure_future(link.up(reader)), asyncio.ensure_future(link.down(answers))]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        lane.links.discard(link)
        broker.transport.abort()


if __name__ == "__main__":
    asyncio.run(
        Proxy(
            [(int(port), int(upstream)) for port, _, upstream in (way.partition(":") for way in sys.argv[1:])]
        ).serve()
    )
