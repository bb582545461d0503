"""The key store and the KMS with somebody who listens: how each operation ended and how long it took."""

from collections.abc import Collection, Mapping

from sqlalchemy import Engine

from ...schemas.observer import OperationObserver
from ...schemas.ports import Kms, SubjectKey, SubjectWant
from ..timed import timed
from .key_ring import MAX_AGE_S
from .key_store import MOST_CACHED, SqlKeyStore
from .store_keys import KmsOf


class ObservedKms:
    """A KMS whose operations are told to `observer`."""

    def __init__(self, kms: Kms, observer: OperationObserver) -> None:
        self._kms = kms
        self._observer = observer

    def wrap(self, key: bytes, context: bytes) -> bytes:
        with timed(self._observer, "wrap"):
            return self._kms.wrap(key, context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        with timed(self._observer, "unwrap"):
            return self._kms.unwrap(wrapped, context)

    def rotate(self) -> None:
        with timed(self._observer, "rotate"):
            self._kms.rotate()

    def health(self) -> str | None:
        with timed(self._observer, "health"):
            return self._kms.health()


class ObservedKeyStore(SqlKeyStore):
    """A key store whose questions to the database are told to `observer`; what memory answers is not."""

    def __init__(  # noqa: PLR0913 - as that of the key store
        self,
        engine: Engine,
        kms: Kms | KmsOf,
        owner: str,
        observer: OperationObserver,
        *,
        cached: int = MOST_CACHED,
        store_key_s: float = MAX_AGE_S,
    ) -> None:
        self._observer = observer
        super().__init__(engine, kms, owner, cached=cached, store_key_s=store_key_s)

    def bulk_key(self, scope: str, worker: str) -> tuple[bytes, bytes]:
        with timed(self._observer, "bulk_key"):
            return super().bulk_key(scope, worker)

    def open_keys(self, agreement: str, wanted: Collection[bytes]) -> Mapping[bytes, bytes]:
        with timed(self._observer, "open_keys"):
            return super().open_keys(agreement, wanted)

    def _load(self, wants: Collection[SubjectWant]) -> dict[SubjectWant, SubjectKey]:
        with timed(self._observer, "load_keys"):
            return super()._load(wants)

    def _read_secret(self, name: str) -> bytes | None:
        with timed(self._observer, "secret"):
            return super()._read_secret(name)
