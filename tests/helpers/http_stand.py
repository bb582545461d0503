"""An HTTP source on a store of its own, asked as an ASGI server would ask it, with a publisher that a test holds."""

import asyncio
import contextlib
import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from generations import AT_MS, SCHEMA
from view_world import contract_of

from penstock.connectors.http.source import HttpSource, http_source
from penstock.ops.store.engine import open_sqlite
from penstock.ops.store.receipts import ReceiptStore
from penstock.ops.store.tokens import TokenStore
from penstock.schemas.codec import Codec
from penstock.schemas.errors import RecordError
from penstock.schemas.plain_json import to_avro
from penstock.schemas.ports import SourceRecord, Verdict
from penstock.schemas.source_place import SourcePlace

PATH = "/v1/datasets/income/events"
CODEC, PLAIN = Codec(SCHEMA), to_avro(SCHEMA)
JSON, LINES, AVRO = "application/json", "application/x-ndjson", "application/vnd.penstock.avro+json"


def event(number: int) -> dict[str, Any]:
    return {"id": f"e{number}", "at": "2026-06-01T00:00:00Z", "person": f"p{number}", "amount": number}


def events(*numbers: int) -> list[dict[str, Any]]:
    return [event(number) for number in numbers]


def lines(rows: Sequence[Any]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


@dataclass
class Reply:
    """What a client got."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Edge:
    """Remembers what the source told of its edge."""

    requests: list[int] = field(default_factory=list)
    refusals: list[tuple[str | None, str]] = field(default_factory=list)
    queued: int = 0

    def request(self, status: int, seconds: float) -> None:
        assert seconds >= 0
        self.requests.append(status)

    def refused(self, principal: str | None, reason: str) -> None:
        self.refusals.append((principal, reason))

    def queue(self, records: int) -> None:
        self.queued = records

    def message(self, outcome: str) -> None: ...

    def connected(self, connected: bool, why: str = "") -> None: ...  # noqa: FBT001 - the protocol's signature


class Stand:
    """A source with a store in `folder`; making another over the same folder is a restart. `now_ms` is its clock."""

    def __init__(self, folder: Path, **options: Any) -> None:
        engine = open_sqlite(folder / "store.db")
        self.tokens, self.receipts, self.edge, self.now_ms = TokenStore(engine), ReceiptStore(engine), Edge(), AT_MS
        self.contract = contract_of(SCHEMA)
        self.place = SourcePlace(
            id="gate",
            root=folder,
            path=None,
            format="auto",
            options=options,
            contract=self.contract,
            secret=lambda name: name,
            doors=self.tokens,
            receipts=self.receipts,
            clock=lambda: self.now_ms,
            edge=self.edge,
        )
        self.source: HttpSource = http_source(self.place)
        self.token = self.tokens.issue("ee", scope="publish")

    def pump(self, position: Any = None, **how: Any) -> "Pump":
        return Pump(self.source, position, **how)

    def post(self, body: Any, *, media: str = JSON, key: str = "", token: str | None = None, **more: Any) -> Any:
        """Return a coroutine that posts events: `body` is bytes or what becomes JSON."""
        bearer = self.token if token is None else token
        headers = {"content-type": media}
        if bearer:
            headers["authorization"] = f"Bearer {bearer}"
        if key:
            headers["idempotency-key"] = key
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.ask("POST", PATH, {**headers, **more.pop("headers", {})}, data, **more)

    async def ask(
        self,
        method: str,
        path: str,
        headers: dict[str, str] | None = None,
        body: bytes | Sequence[bytes] = b"",
        *,
        query: str = "",
        certificate: str | None = None,
        pause_s: float = 0.0,
    ) -> Reply:
        """Ask the application. A body in pieces comes one piece after the other, `pause_s` apart."""
        pieces = [body] if isinstance(body, bytes) else list(body)
        given = {name.lower(): value for name, value in (headers or {}).items()}
        if isinstance(body, bytes) and body:
            given.setdefault("content-length", str(len(body)))
        elif pieces != [b""]:
            given.setdefault("transfer-encoding", "chunked")
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in given.items()],
            "extensions": {"penstock.client": certificate} if certificate else {},
        }
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            if not pieces:
                return {"type": "http.disconnect"}
            await asyncio.sleep(pause_s)
            piece = pieces.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await self.source.app(scope, receive, send)
        start, *rest = sent
        found = {name.decode(): value.decode() for name, value in start["headers"]}
        return Reply(start["status"], found, b"".join(message["body"] for message in rest))


class Pump:
    """Plays the publisher: judges batches by the contract, and commits them unless held.

    `dies`: in the batch of that number it ends, after it `decided`, or after it `committed` and before it said so.
    """

    def __init__(
        self,
        source: HttpSource,
        position: Any = None,
        *,
        limit: int = 4,
        held: bool = False,
        dies: tuple[str, int] = ("", 0),
    ) -> None:
        self.source, self.limit, self.position = source, limit, position
        self.published: list[Any] = []
        self.batches: list[list[SourceRecord]] = []
        self.go = threading.Event()
        self.decided = threading.Event()
        self._dies = dies
        if not held:
            self.go.set()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Self:
        self.source.open(self.position, lambda _: False)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.source.stop()
        self.go.set()
        self._thread.join(10)
        assert not self._thread.is_alive()

    def wait_for_its_end(self) -> None:
        """Return when it has died, as it was told to."""
        self._thread.join(20)
        assert not self._thread.is_alive()

    def _work(self) -> None:
        for batch in self.source.batches(self.limit):
            if batch:
                self.batches.append(batch)
                self._batch(batch)
            if len(self.batches) == self._dies[1] > 0:
                return

    def _batch(self, batch: list[SourceRecord]) -> None:
        verdicts = [self._verdict(record) for record in batch]
        self.source.decided(verdicts)
        self.decided.set()
        assert self.go.wait(20)
        if self._dies == ("decided", len(self.batches)):
            return
        self.position = batch[-1].position
        pairs = zip(batch, verdicts, strict=True)
        self.published += [record.value for record, one in pairs if one.outcome == "published"]
        if self._dies != ("committed", len(self.batches)):
            self.source.committed(self.position)

    def _verdict(self, record: SourceRecord) -> Verdict:
        if record.refusal is not None:
            return Verdict("quarantined", record.refusal, record.detail)
        try:
            CODEC.encode(PLAIN(record.value or {}))
        except RecordError as bad:
            return Verdict("quarantined", bad.reason, bad.message)
        return Verdict("published")


@contextlib.contextmanager
def pumping(folder: Path, position: Any = None, *, limit: int = 4, **options: Any) -> Iterator[tuple[Stand, Pump]]:
    """A source whose requests are published."""
    stand = Stand(folder, **options)
    with stand.pump(position, limit=limit) as pump:
        yield stand, pump
