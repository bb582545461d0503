"""Ports: what the pure core asks of the world. Protocols of at most five methods; `ops.wiring` supplies them."""

from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

from .erasure import Ordered


class SubjectWant(NamedTuple):
    """A request for a data subject's keys: the keyed reference of the subject, for an agreement in its domain."""

    subject: bytes
    domain: str
    agreement: str


class SubjectKey(NamedTuple):
    """What one agreement may use of a data subject.

    `key`: the AES-256 key (32 bytes) of subject and agreement, under `handle` (8 bytes); `pseudonym`: of the domain;
    `rekey` (32 bytes) re-keys event ids. Never printed: what it shows of itself is its handle.
    """

    handle: bytes
    key: bytes
    pseudonym: str
    rekey: bytes

    def __repr__(self) -> str:
        return f"SubjectKey({self.handle.hex()})"


class KeyStore(Protocol):
    """Keys, pseudonyms and secrets that must be deletable. Every method may raise UnavailableError."""

    def reference_secret(self) -> bytes:
        """Return the ecosystem's 32-byte secret for keyed references of data subjects."""
        ...

    def subject_keys(self, wants: Collection[SubjectWant]) -> Mapping[SubjectWant, SubjectKey]:
        """Return keys for all `wants`; missing ones are made and durable before it returns (one SQL transaction)."""
        ...

    def bulk_key(self, scope: str, worker: str) -> tuple[bytes, bytes]:
        """Return (handle, key) of a fresh random key for data without a subject; never handed out twice."""
        ...

    def noise_secret(self, dataset: str, period: str) -> bytes:
        """Return the 32-byte noise secret of a dataset and period, the same for every caller, made if missing."""
        ...

    def open_keys(self, agreement: str, handles: Collection[bytes]) -> Mapping[bytes, bytes]:
        """Return the keys of those `handles` that belong to `agreement`; unknown and foreign ones are absent."""
        ...


@runtime_checkable
class KeysAtHand(Protocol):
    """A key store that has keys in memory, each as handle (8) ‖ key (32) ‖ re-keying key (32) ‖ pseudonym."""

    def at_hand(self, domain: str, agreement: str, subjects: Sequence[bytes | None]) -> list[bytes | None]:
        """Return for each of `subjects` its keys under an agreement, as far as nobody need be asked for them."""
        ...


@runtime_checkable
class Erasing(Protocol):
    """A key store in which data subjects' keys and pseudonyms can be destroyed."""

    def erase(self, orders: Sequence[Ordered]) -> None:
        """Destroy what there was of each order's subjects when it was written, in the store and in memory.

        Done once for each order, however often it is asked: keys that were made later stay. Raises UnavailableError,
        and ConfigurationError for a store that is an older copy.
        """
        ...


@runtime_checkable
class Versioned(Protocol):
    """A key store whose data keys are rotated."""

    def data_key_version(self) -> int:
        """Return the version that what is protected now is to be protected under; news is seen within 30 seconds.

        Raises KeyUnavailableError or UnavailableError when the KMS has been away for longer than keys are good for.
        """
        ...


class Kms(Protocol):
    """A key management system that holds the KEK. Every method may raise UnavailableError."""

    def wrap(self, key: bytes, context: bytes) -> bytes:
        """Return `key` (32 bytes) wrapped by the newest version of the KEK, bound to `context`."""
        ...

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Return what `wrap` was given. Raises KeyUnavailableError for damage, another KEK or context, or a refusal."""
        ...

    def rotate(self) -> None:
        """Make a new version of the KEK. What older versions wrapped still opens."""
        ...

    def health(self) -> str | None:
        """Return None when well, else one sentence that says what is wrong."""
        ...


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """One record as a source found it: a plain mapping, or the refusal that explains why there is none.

    `raw` is what the source read; where it is too large for that, `sha256` is its digest and `size` its bytes.
    `position` is opaque to everyone but the source; it is committed in the transaction that publishes the record.
    `place` says where it came from, for people, without any value; `input` names the input (a file's hash) it is of,
    within which an event id may appear once. `finishes` names a whole input (a file's hash) that
    is done with this record: the same transaction marks it finished, for ever. `again`: published before a restart,
    told only so that a repeated event id is known; a batch holds such records only, or none.
    """

    position: Mapping[str, Any]
    place: str
    value: Mapping[str, Any] | None
    refusal: str | None = None
    detail: str = ""
    raw: bytes | None = None
    sha256: str = ""
    size: int = -1
    finishes: str | None = None
    again: bool = False
    input: str = ""


class Source(Protocol):
    """A source of records for one dataset."""

    @property
    def text(self) -> bool:
        """Say whether the leaves of the batch in hand are text, still to be read as their fields' types (CSV)."""
        ...

    def open(self, position: Mapping[str, Any] | None, finished: Callable[[str], bool]) -> None:
        """Stand at the last committed position (None: the start). `finished` knows every committed `finishes`.

        Called again after it raised UnavailableError, and after an aborted attempt: what `batches` gave since the last
        commit is then given again.
        """
        ...

    def batches(self, limit: int) -> Iterator[list[SourceRecord]]:
        """Yield lists of at most `limit` records; an empty list means nothing to read now; ends when `stop`ped."""
        ...

    def committed(self, position: Mapping[str, Any]) -> None:
        """Be told that everything up to `position` is committed in Kafka: files may move to `done/`."""
        ...

    def stop(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one record: `reason` and `detail` say why it was refused, and quote no value."""

    outcome: Literal["published", "duplicate", "quarantined"]
    reason: str = ""
    detail: str = ""


@runtime_checkable
class Answering(Protocol):
    """A source whose senders wait for an answer (HTTP): it is told the verdicts on the batch that it gave last."""

    def decided(self, verdicts: Sequence[Verdict]) -> None:
        """Be told, record by record, what the batch's transaction is about to say; the last chance to write it down.

        The transaction begins after this returns. Until `committed` is called nothing of it is true yet; when an
        attempt is done again, this is called again.
        """
        ...


AsgiApp = Callable[
    [dict[str, Any], Callable[[], Awaitable[dict[str, Any]]], Callable[[dict[str, Any]], Awaitable[None]]],
    Awaitable[None],
]
"""A bare ASGI 3 application (scope, receive, send)."""


@dataclass(frozen=True, slots=True)
class Listen:
    """Where a served source listens: port 0 is a free one, kept from one start to the next.

    `certificate_file` and `key_file` (PEM) make it HTTPS; `client_ca_file` says whose client certificates are believed.
    """

    host: str = "127.0.0.1"
    port: int = 0
    certificate_file: str | None = None
    key_file: str | None = None
    client_ca_file: str | None = None
    max_connections: int = 2_000


@runtime_checkable
class Served(Protocol):
    """A source that others send to: the role mounts its `app` and listens where `listen` says.

    The role puts the subject of a believed client certificate into `scope["extensions"]["penstock.client"]` as the
    member's id (str); it is absent without one. Headers never say who somebody is.
    """

    @property
    def app(self) -> AsgiApp: ...

    @property
    def listen(self) -> Listen: ...


class Asked(Protocol):
    """Whose a token is (None: nobody's), and why it does not open the door (empty: it does)."""

    @property
    def member(self) -> str | None: ...

    @property
    def why(self) -> str: ...


class Doorkeeper(Protocol):
    """Says whose a bearer token is. Every method may raise UnavailableError."""

    def member_of(self, token: str, scope: str) -> str | None:
        """Return the member that holds `token`; None for one unknown, expired, revoked, or not good for `scope`."""
        ...

    def ask(self, token: str, *scopes: str) -> Asked:
        """Say the same with the reason: `authentication`, `expired`, `revoked`, or `scope` for another door's."""
        ...


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer to one request of a source: `sequence` is the request's place in the source's position.

    It counts only once a committed position has reached `sequence`. `key_digest` and `body_digest` are SHA-256.
    """

    sequence: int
    key_digest: bytes
    body_digest: bytes
    body: str
    at_ms: int


class Receipts(Protocol):
    """A source's receipts, found again by their idempotency key for 24 hours."""

    def find(self, source: str, key_digest: bytes) -> Receipt | None: ...

    def keep(self, source: str, receipts: Sequence[Receipt]) -> None:
        """Write down, in one transaction, before the Kafka one of their records; the same may come again."""
        ...

    def forget_after(self, source: str, sequence: int) -> None:
        """Drop receipts of attempts that never committed: those beyond the committed `sequence`. Called at `open`."""
        ...
