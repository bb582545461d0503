"""The recipient's library: open a view, iterate over typed records. Needs the light install only."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from ..processors.open_view import OpenProgram
from ..schemas.codec import Codec, LogicalCodec
from ..schemas.confluent_wire import unframe
from ..schemas.errors import UnavailableError
from ..streams.reader import Framed, TopicReader
from ..streams.registry_client import RegistryClient
from ..streams.settings import Cluster
from .key_client import GatewayClient, KeyCache


@dataclass(frozen=True, slots=True)
class ViewRecord:
    """One record of a view, opened and typed: dates are dates, decimals are Decimals."""

    value: Mapping[str, Any]
    partition: int
    offset: int
    released_ms: int


class View:
    """A view as its recipient reads it: committed records, in order per partition.

    Not promised: an order between partitions. Not thread-safe. Closed by `close` or the end of a `with` block.
    """

    def __init__(self, reader: TopicReader, registry: RegistryClient, keys: KeyCache) -> None:
        self._reader = reader
        self._registry = registry
        self._keys = keys
        self._opened: dict[int, _Opener] = {}

    def poll(self, wait_s: float = 1.0) -> list[ViewRecord]:
        """Return new records, waiting up to `wait_s` for the first.

        Raises KeyUnavailableError when a key was destroyed or withdrawn, RecordError when a field was altered,
        RefusedError and UnavailableError as the gateway and the registry answer.
        """
        return self._open(self._reader.poll(wait_s))

    def to_end(self) -> Iterator[ViewRecord]:
        """Yield every record up to the end of each partition, then return."""
        while not self._reader.at_end:
            yield from self.poll()

    def __iter__(self) -> Iterator[ViewRecord]:
        while True:
            yield from self.poll()

    def _open(self, framed: list[Framed]) -> list[ViewRecord]:
        decoded = [(one, *self._decode(one)) for one in framed if one.value is not None]
        wanted = {handle for _, opener, value, _ in decoded for handle in opener.program.handles(value)}
        keys = self._keys.get(wanted) if wanted else {}
        return [
            ViewRecord(opener.program.open(value, keys, shown_id=shown), one.partition, one.offset, one.appended_ms)
            for one, opener, value, shown in decoded
        ]

    def _decode(self, one: Framed) -> tuple["_Opener", dict[str, Any], str]:
        """Return (opener, record with logical values, event id as it was written)."""
        schema_id, payload = unframe(one.value or b"")
        opener = self._opened.get(schema_id)
        if opener is None:
            opener = self._opened[schema_id] = self._opener(schema_id)
        return opener, opener.codec.decode(payload), opener.program.shown_id(opener.physical.decode(payload))

    def _opener(self, schema_id: int) -> "_Opener":
        schema = self._registry.schema(schema_id)
        if schema is None:
            raise UnavailableError(f"the registry knows no schema {schema_id}", remedy="ask the operator")
        return _Opener(LogicalCodec(schema), Codec(schema), OpenProgram(schema, inner=LogicalCodec))

    def close(self) -> None:
        self._reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class _Opener:
    """Decoding and opening under one view schema."""

    codec: LogicalCodec
    physical: Codec
    program: OpenProgram


def open_view(  # noqa: PLR0913 - what a recipient was given
    agreement: str,
    *,
    gateway: str,
    token: str,
    bootstrap: str | None = None,
    security: Mapping[str, str] | None = None,
    from_end: bool = False,
) -> View:
    """Open the view of `agreement` as its recipient.

    `gateway` is its URL and `token` yours. `bootstrap` and `security` (librdkafka's names) say how you reach Kafka;
    without them the gateway's word is taken. Starts at the earliest record retained, or with `from_end` at what comes
    from now on. Raises RefusedError for a wrong token or another's agreement, UnavailableError when something does not
    answer.
    """
    client = GatewayClient(gateway, token)
    where = client.agreement(agreement)
    cluster = Cluster(bootstrap or str(where["bootstrap"]), dict(security or {}))
    reader = TopicReader(cluster, str(where["topic"]), from_end=from_end)
    return View(reader, RegistryClient(gateway), KeyCache(client, agreement))
