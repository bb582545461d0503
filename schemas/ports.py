"""Ports: what the pure core asks of the world. Protocols of at most five methods; `ops.wiring` supplies them."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class SubjectWant:
    """A request for a data subject's keys: the keyed reference of the subject, for an agreement in its domain."""

    subject: bytes
    domain: str
    agreement: str


@dataclass(frozen=True, slots=True, repr=False)
class SubjectKey:
    """What one agreement may use of a data subject.

    `key`: the AES-256 key (32 bytes) of subject and agreement, under `handle` (8 bytes); `pseudonym`: of the domain;
    `rekey` (32 bytes) re-keys event ids. Never printed: repr is off on purpose.
    """

    handle: bytes
    key: bytes
    pseudonym: str
    rekey: bytes


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


class Kms(Protocol):
    """A key management system that holds the KEK."""

    def wrap(self, key: bytes, context: bytes) -> bytes: ...

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes: ...

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

        Called again after an aborted attempt: what `batches` gave since the last commit is then given again.
        """
        ...

    def batches(self, limit: int) -> Iterator[list[SourceRecord]]:
        """Yield lists of at most `limit` records; an empty list means nothing to read now; ends when `stop`ped."""
        ...

    def committed(self, position: Mapping[str, Any]) -> None:
        """Be told that everything up to `position` is committed in Kafka: files may move to `done/`."""
        ...

    def stop(self) -> None: ...
