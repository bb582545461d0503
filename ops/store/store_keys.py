"""Store keys: a few random keys, wrapped by the KMS, that wrap everything else; in memory within a time limit."""

import secrets
import time

from cryptography.exceptions import InvalidTag
from sqlalchemy import Engine, select

from ...schemas.errors import KeyUnavailableError
from ...schemas.ports import Kms
from .engine import insert_new, reading, writing
from .tables import handles, store_keys, subjects
from .tables import secrets as secret_rows
from .wrapping import unwrap, wrap

COUNT = 4
_WRAPPED = (secret_rows, subjects, handles)
MAX_AGE_S = 15 * 60


def is_new(engine: Engine) -> bool:
    """Say whether the store has no store keys yet: only then may a KEK be made."""
    with reading(engine) as connection:
        return connection.execute(select(store_keys.c.id).limit(1)).first() is None


class StoreKeys:
    """Wraps with a random one of the store keys, unwraps with the one named. Not thread-safe on its own."""

    def __init__(self, engine: Engine, kms: Kms) -> None:
        self._engine = engine
        self._kms = kms
        self._keys: dict[int, bytes] = {}
        self._loaded = 0.0
        self._make_missing()

    def wrap(self, secret: bytes, *context: bytes) -> tuple[int, bytes]:
        """Return (store key id, wrapped)."""
        keys = self._current()
        number = secrets.choice(list(keys))
        return number, wrap(keys[number], secret, *context)

    def unwrap(self, number: int, wrapped: bytes, *context: bytes) -> bytes:
        """Return what `wrap` was given. Raises KeyUnavailableError for a damaged or misplaced row."""
        key = self._current().get(number)
        if key is None:
            raise KeyUnavailableError(f"store key {number} is missing", remedy="restore the store from one backup")
        try:
            return unwrap(key, wrapped, *context)
        except InvalidTag:
            raise KeyUnavailableError(
                "a row of the key store is damaged or was moved", remedy="restore the store from a backup"
            ) from None

    def _make_missing(self) -> None:
        with reading(self._engine) as connection:
            there = connection.execute(select(store_keys.c.id)).scalars().all()
            in_use = any(connection.execute(select(one.c.wrapped).limit(1)).first() for one in _WRAPPED)
        if there:
            return
        if in_use:
            raise KeyUnavailableError(
                "the store keys are gone, and what they wrap is not", remedy="restore the store from one backup"
            )
        rows = []
        for number in range(1, COUNT + 1):
            wrapped = self._kms.wrap(secrets.token_bytes(32), _context(number))
            rows.append({"id": number, "wrapped": wrapped})
        with writing(self._engine) as connection:
            insert_new(connection, store_keys, rows)

    def _current(self) -> dict[int, bytes]:
        if not self._keys or time.monotonic() - self._loaded > MAX_AGE_S:
            with reading(self._engine) as connection:
                rows = connection.execute(select(store_keys.c.id, store_keys.c.wrapped)).all()
            self._keys = {row.id: self._kms.unwrap(row.wrapped, _context(row.id)) for row in rows}
            self._loaded = time.monotonic()
        return self._keys


def _context(number: int) -> bytes:
    return f"store key {number}".encode()
