"""HTTP ingest as a bare ASGI application: one dataset, its provider, and 202 only after the commit in Kafka."""

import asyncio
import logging
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from ...schemas.edge_observer import EdgeObserver
from ...schemas.errors import UnavailableError
from .body import Bodies, Form, form_of
from .desk import Desk, Parcel
from .options import HttpOptions
from .problem import Answer, Problem, later, unknown_outcome
from .rate import Rate
from .receipts import Found, KeptReceipts, Keyed, keyed
from .request import Gone, Receive, Request, Send
from .who import Door

log = logging.getLogger(__name__)

STORE_THREADS = 4
INLINE_BYTES = 1 << 16
FULL_WAIT_S = 1.0
ROOM = 0.75
"""Of what may wait: once more came than that, nothing is taken in until less than this part waits."""

T = TypeVar("T")


class Aside:
    """Runs what waits for the store, or takes long, where the event loop does not wait for it."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(STORE_THREADS, thread_name_prefix="http-aside")

    async def __call__(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)


@dataclass(frozen=True, slots=True)
class Parts:
    """What the application is made of. `ready` says whether the publisher has opened the source."""

    dataset: str
    openapi: dict[str, Any]
    options: HttpOptions
    desk: Desk
    door: Door
    bodies: Bodies
    receipts: KeptReceipts
    edge: EdgeObserver
    aside: Aside
    clock: Callable[[], int]
    ready: Callable[[], bool]


class HttpApp:
    """An ASGI 3 application for one event loop."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._desk = parts.desk
        self._rate = Rate(parts.options.rate_per_second)
        self._reading = 0  # bytes of bodies that are not whole yet
        self._crowded = False
        self._routes = {
            "/v1/health": (("GET", "HEAD"), self._health),
            "/openapi.json": (("GET", "HEAD"), self._openapi),
            f"/v1/datasets/{parts.dataset}/events": (("POST",), self._events),
        }

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request. Never raises for what is in it."""
        if scope["type"] != "http":
            return
        request, started = Request(scope, receive, send), time.monotonic()
        try:
            answer = await self._answer(request)
            await request.answer(answer, close=self._desk.closed)
        except Gone:
            return
        self._parts.edge.request(answer.status, time.monotonic() - started)

    async def _answer(self, request: Request) -> Answer:
        try:
            return await self._routed(request)
        except Problem as problem:
            return problem.answer()
        except UnavailableError as error:
            log.warning("a request could not be dealt with: %s", error)
            return later(503, "unavailable", "a part that is needed does not answer: try again", 1).answer()
        except Gone:
            raise
        except Exception as error:  # noqa: BLE001 - its message may quote what was sent (law 5)
            log.error("a request failed: %s", type(error).__name__)  # noqa: TRY400 - as above
            return Problem(500, "failed", "this should not happen: tell the operator").answer()

    async def _routed(self, request: Request) -> Answer:
        methods, work = self._routes.get(request.path, ((), None))
        if work is None:
            raise Problem(404, "unknown_path", "there is nothing here: /openapi.json says what there is")
        if request.method not in methods:
            raise Problem(405, "method", f"use {', '.join(methods)}", allow=", ".join(methods))
        return await work(request)

    async def _openapi(self, _request: Request) -> Answer:
        return Answer(200, self._parts.openapi)

    async def _health(self, _request: Request) -> Answer:
        self._refuse_unless_open()
        return Answer(200, {"state": "running"})

    async def _events(self, request: Request) -> Answer:
        """Take events in; answer when they are committed."""
        self._refuse_unless_open()
        member = await self._parts.door.member(request)
        key = request.idempotency_key()
        form = form_of(request.only("content-type"), request.query("encoding"))
        if request.only("content-encoding").lower() not in {"", "identity"}:
            raise Problem(415, "media_type", "a body is not compressed", accept_encoding="identity")
        if wait_s := self._rate.wait_s(member):
            self._parts.edge.refused(member, "rate")
            raise later(429, "rate", "more records than agreed came in a second", wait_s)
        body = await self._body(request)
        if not key:
            return await self._taken(_Asked(member, form, body, None), Found(None))
        return await self._once(_Asked(member, form, body, keyed(member, key, form.word, body)))

    async def _body(self, request: Request) -> bytes:
        held = 0

        def hold(size: int) -> None:
            nonlocal held
            held += size
            self._reading += size
            self._refuse_while_crowded()
            self._refuse_if_full(0, 0)

        try:
            return await request.body(self._parts.options, hold)
        finally:
            self._reading -= held

    async def _once(self, asked: "_Asked") -> Answer:
        """Answer a request with an idempotency key: as before if it was answered, else take it in."""
        if asked.keyed is None or not self._desk.reserve(asked.keyed.key):
            raise later(409, "in_progress", "a request with this Idempotency-Key is being worked on", FULL_WAIT_S)
        taken = False
        try:
            find, committed, now_ms = self._parts.receipts.find, self._desk.committed, self._parts.clock()
            known = asked.keyed
            found = await self._parts.aside(lambda: find(known, committed, now_ms))
            if found.answer is not None:
                return found.answer
            waiting = await self._put(asked, found)
            taken = True
        finally:
            if not taken:
                self._desk.release(asked.keyed.key)
        return await self._outcome(waiting)

    async def _taken(self, asked: "_Asked", found: Found) -> Answer:
        return await self._outcome(await self._put(asked, found))

    async def _put(self, asked: "_Asked", found: Found) -> "asyncio.Future[Answer | None]":
        rows = await self._rows(asked)
        self._rate.spend(asked.member, len(rows.rows))
        self._refuse_if_full(len(rows.rows), len(asked.body))
        waiting: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()
        at_ms = self._parts.clock()
        parts = list(found.parts)
        given = sum(part.records for part in parts)
        parcel = Parcel(
            receipt=uuid.uuid4().hex,
            received_at=datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds"),
            at_ms=at_ms,
            rows=rows.rows,
            size=len(asked.body),
            single=rows.single,
            keyed=asked.keyed,
            reply=_replying(waiting),
            parts=parts if given < len(rows.rows) else [],
            given=given if given < len(rows.rows) else 0,
        )
        if not self._desk.put(parcel):
            raise _stopping()
        return waiting

    async def _rows(self, asked: "_Asked") -> Any:
        if len(asked.body) <= INLINE_BYTES:
            return self._parts.bodies.rows(asked.body, asked.form)
        return await self._parts.aside(lambda: self._parts.bodies.rows(asked.body, asked.form))

    async def _outcome(self, waiting: "asyncio.Future[Answer | None]") -> Answer:
        await asyncio.wait([waiting], timeout=self._parts.options.answer_seconds)
        answer = waiting.result() if waiting.done() else None
        if answer is None:
            raise unknown_outcome()
        return answer

    def _refuse_unless_open(self) -> None:
        if self._desk.closed:
            raise _stopping()
        if not self._parts.ready():
            raise later(503, "starting", "the source is not open yet", FULL_WAIT_S)

    def _refuse_while_crowded(self) -> None:
        """After a refusal let some room come about first: in a flood nearly every body would be read for nothing."""
        options, desk = self._parts.options, self._desk
        less = desk.records < ROOM * options.queue_records and desk.bytes < ROOM * options.queue_bytes
        self._crowded &= not less
        if self._crowded:
            raise _full()

    def _refuse_if_full(self, records: int, size: int) -> None:
        options, desk = self._parts.options, self._desk
        over = desk.records + records > options.queue_records
        if over or desk.bytes + self._reading + size > options.queue_bytes:
            self._crowded = True
            raise _full()


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request to take events in, whole and from somebody who may."""

    member: str
    form: Form
    body: bytes
    keyed: Keyed | None


def _full() -> Problem:
    return later(429, "full", "more is waiting than may: send again later", FULL_WAIT_S)


def _stopping() -> Problem:
    return later(503, "stopping", "the source is being stopped: send it again, with the same Idempotency-Key", 1)


def _replying(waiting: "asyncio.Future[Answer | None]") -> Callable[[Answer | None, float], None]:
    loop = waiting.get_loop()

    def settle(answer: Answer | None) -> None:
        if not waiting.done():
            waiting.set_result(answer)

    def reply(answer: Answer | None, after_s: float) -> None:
        try:
            loop.call_soon_threadsafe(loop.call_later, after_s, settle, answer)
        except RuntimeError:  # the loop is closed: nobody waits any more
            log.debug("a request was decided after its server had ended")

    return reply
