"""Sealing what was refused: under the data subject's key where it could be read, else under a key of dataset and day.

A sealed record is an encrypted field's bytes (docs/wire.md), bound to `penstock quarantine 1` and the dataset.
"""

from collections.abc import Callable, Mapping

from ..schemas.codec import Codec
from ..schemas.encrypted import framed, sealed_from
from ..schemas.ports import KeyStore, SubjectWant, Versioned
from ..schemas.quarantine import QUARANTINE_SCHEMA, QuarantineRecord
from .encrypt import BulkKey, Nonce, open_, seal

DAY_MS = 86_400_000


def quarantine_scope(dataset: str) -> str:
    """Return the name under which the key store keeps the quarantine keys of a dataset."""
    return f"quarantine.{dataset}"


class QuarantineSealer:
    """Seals refused records of one dataset. `worker` only tells people whose keys these are."""

    def __init__(self, store: KeyStore, dataset: str, worker: str, nonce: Nonce) -> None:
        self._store = store
        self._scope = quarantine_scope(dataset)
        self._additional = _additional(dataset)
        self._worker = worker
        self._nonce = nonce
        self._codec = Codec(QUARANTINE_SCHEMA)
        self._day, self._version = -1, 0
        self._bulk: BulkKey | None = None

    def seal(self, record: QuarantineRecord, subject: bytes | None) -> bytes:
        """Return the bytes for the quarantine topic. Raises UnavailableError when the key store does not answer."""
        value = self._codec.encode(record.to_avro())
        if subject is not None:
            want = SubjectWant(subject, self._scope, self._scope)
            return seal(value, self._store.subject_keys([want])[want], self._additional, self._nonce)
        bulk = self._bulk_key(record.at_ms // DAY_MS)
        return seal(value, bulk, self._additional, bulk.nonce)

    def _bulk_key(self, day: int) -> BulkKey:
        version = self._store.data_key_version() if isinstance(self._store, Versioned) else 0
        if self._bulk is None or self._bulk.spent or (day, version) != (self._day, self._version):
            self._bulk = BulkKey(*self._store.bulk_key(self._scope, self._worker))
            self._day, self._version = day, version
        return self._bulk


def open_quarantined(data: bytes, dataset: str, keys: Callable[[bytes], bytes]) -> Mapping[str, object]:
    """Return a quarantine record in the form of QUARANTINE_SCHEMA; `keys` gives the key of a handle.

    Raises RecordError when it was altered or belongs to another dataset, and whatever `keys` raises.
    """
    sealed = sealed_from(data)
    opened: Mapping[str, object] = Codec(QUARANTINE_SCHEMA).decode(
        open_(sealed, keys(sealed.handle), _additional(dataset))
    )
    return opened


def _additional(dataset: str) -> bytes:
    return framed((b"penstock quarantine 1", dataset.encode()))
