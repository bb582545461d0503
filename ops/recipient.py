"""The recipient's library: open a view, iterate over typed records. Needs the light install only."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ..processors.open_view import OpenProgram
from ..schemas.codec import Codec, LogicalCodec
from ..schemas.confluent_wire import unframe
from ..schemas.errors import DocumentError, KeyUnavailableError, RecordError
from ..schemas.reasons import Refusal
from ..streams.https import Certificate
from ..streams.reader import Framed, TopicReader
from ..streams.registry_client import RegistryClient
from ..streams.settings import Cluster
from .key_client import GatewayClient, KeyCache
from .recipient_keys import read_keys


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

    An error loses nothing: after a KeyUnavailableError or RecordError, which are about one record, the next call goes
    on with the record after it; after any other one, with the same records again.
    """

    def __init__(self, reader: TopicReader, registry: RegistryClient, keys: KeyCache) -> None:
        self._reader = reader
        self._registry = registry
        self._keys = keys
        self._openers: dict[int, _Opener] = {}
        self._framed: list[Framed] = []
        self._closed: deque[Callable[[], ViewRecord]] = deque()

    def poll(self, wait_s: float = 1.0) -> list[ViewRecord]:
        """Return new records, waiting up to `wait_s` for the first.

        Raises KeyUnavailableError when a key was destroyed or withdrawn, RecordError when a record was altered or is
        none, RefusedError and UnavailableError as the gateway and the registry answer.
        """
        if not self._closed:
            self._framed = self._framed or self._reader.poll(wait_s)
            self._closed.extend(self._with_keys([self._decoded(one) for one in self._framed if one.value is not None]))
            self._framed = []
        opened: list[ViewRecord] = []
        while self._closed:
            try:
                opened.append(self._closed[0]())
            except (KeyUnavailableError, RecordError):
                if opened:
                    break  # its turn comes with the next call, after those before it were taken
                self._closed.popleft()
                raise
            self._closed.popleft()
        return opened

    def to_end(self) -> Iterator[ViewRecord]:
        """Yield every record up to the end of each partition, then return."""
        while self._framed or self._closed or not self._reader.at_end:
            yield from self.poll()

    def __iter__(self) -> Iterator[ViewRecord]:
        while True:
            yield from self.poll()

    def _with_keys(self, decoded: "list[_Decoded | _Unfit]") -> list[Callable[[], ViewRecord]]:
        """Ask for the keys of all records at once."""
        wanted = {handle for one in decoded if isinstance(one, _Decoded) for handle in one.handles}
        keys = self._keys.get(wanted) if wanted else {}
        return [partial(one.opened, keys) for one in decoded]

    def _decoded(self, one: Framed) -> "_Decoded | _Unfit":
        try:
            schema_id, payload = unframe(one.value)
            opener = self._opener(schema_id)
            value = opener.codec.decode(payload)
            handles = frozenset(opener.program.handles(value))
            # A view that encrypts nothing may have no event id.
            shown = opener.program.shown_id(opener.physical.decode(payload)) if handles else ""
            return _Decoded(one, opener, value, shown, handles)
        except RecordError as bad:
            return _Unfit(one, bad)

    def _opener(self, schema_id: int) -> "_Opener":
        found = self._openers.get(schema_id)
        if found is None:
            schema = self._registry.schema(schema_id)
            if schema is None:
                self._keys.ask_again()  # who may not read a view any more is told of none of its schemas
                raise RecordError(Refusal.UNKNOWN_SCHEMA, f"the registry knows no schema {schema_id}")
            try:
                found = _Opener(LogicalCodec(schema), Codec(schema), OpenProgram(schema, inner=LogicalCodec))
            except DocumentError:
                raise RecordError(Refusal.UNKNOWN_SCHEMA, f"schema {schema_id} is not one of a view") from None
            self._openers[schema_id] = found
        return found

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


@dataclass(frozen=True, slots=True)
class _Decoded:
    """A record whose encrypted fields are closed, and the handles of the keys that open them."""

    framed: Framed
    opener: _Opener
    value: Mapping[str, Any]
    shown_id: str
    handles: frozenset[bytes]

    def opened(self, keys: Mapping[bytes, bytes]) -> ViewRecord:
        one = self.framed
        try:
            value = self.opener.program.open(self.value, keys, shown_id=self.shown_id)
        except KeyUnavailableError as missing:
            raise KeyUnavailableError(missing.message, place=_place(one), remedy=missing.remedy) from None
        except RecordError as bad:
            raise _placed(bad, one) from None
        return ViewRecord(value, one.partition, one.offset, one.appended_ms)


@dataclass(frozen=True, slots=True)
class _Unfit:
    """A record that is none of this view."""

    framed: Framed
    error: RecordError

    def opened(self, _keys: Mapping[bytes, bytes]) -> ViewRecord:
        raise _placed(self.error, self.framed)


def _place(one: Framed) -> str:
    return f"partition {one.partition}, offset {one.offset}"


def _placed(bad: RecordError, one: Framed) -> RecordError:
    place = ", ".join(filter(None, (_place(one), bad.place)))
    return RecordError(bad.reason, bad.message, place=place, remedy=bad.remedy)


def open_view(  # noqa: PLR0913 - what a recipient was given
    agreement: str,
    *,
    gateway: str,
    token: str = "",
    ca_file: str | None = None,
    certificate: Certificate | None = None,
    key_files: Sequence[str | Path] = (),
    bootstrap: str | None = None,
    security: Mapping[str, str] | None = None,
    registry: str | None = None,
    registry_login: tuple[str, str] | None = None,
    from_end: bool = False,
) -> View:
    """Open the view of `agreement` as its recipient.

    `gateway` is its URL and `token` yours; `certificate`, the files of a client certificate and its key, may stand in
    for a token. `ca_file`, else the variable PENSTOCK_CA_FILE, names the certificates to trust instead of the system's.
    `key_files`, else PENSTOCK_KEY_FILE, are the files of your sealing keys, to which keys of encrypted fields come
    sealed; of several that are valid the newest is used.
    `bootstrap` and `security` (librdkafka's names) say how you reach Kafka, `registry` (a URL) and `registry_login`
    (user, password) how you reach the schema registry; without them the gateway's word is taken, so that of `security`
    user and password suffice. Starts at the earliest record retained, or with `from_end` at what comes from now on.
    Raises RefusedError for a wrong token, another's agreement or a gateway that we do not trust, UnavailableError when
    something does not answer, ConfigurationError for a file that cannot be used.
    """
    trusted = ca_file or os.environ.get("PENSTOCK_CA_FILE") or None
    client = GatewayClient(gateway, token, ca_file=trusted, certificate=certificate, sealing_keys=read_keys(key_files))
    where = client.agreement(agreement)
    cluster = Cluster(bootstrap or str(where["bootstrap"]), {**where.get("security", {}), **(security or {})})
    reader = TopicReader(cluster, str(where["topic"]), from_end=from_end)
    named = registry if registry != gateway else None
    named = named or where.get("registry")
    if named:
        schemas = RegistryClient(str(named), basic=registry_login, ca_file=trusted)
    else:
        # The gateway's own registry knows us by the same token; another never hears it.
        schemas = RegistryClient(gateway, token=token, ca_file=trusted, certificate=certificate)
    return View(reader, schemas, KeyCache(client, agreement))
