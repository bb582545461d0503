"""Store keys: a few random keys of each owner, wrapped by its KMS, that wrap everything else."""

import secrets
from collections.abc import Callable
from typing import Any

from cryptography.exceptions import InvalidTag
from sqlalchemy import Engine, select

from ...schemas.errors import KeyUnavailableError
from ...schemas.ports import Kms
from .engine import reading
from .key_ring import MAX_AGE_S, KeyRing
from .tables import handles, store_keys, subjects
from .tables import secrets as secret_rows
from .wrapping import unwrap, wrap

KmsOf = Callable[[str], Kms]
"""Gives a member's KMS; for the empty name the ecosystem's."""
_WRAPPED = (secret_rows, subjects, handles)


def is_new(engine: Engine, owner: str = "") -> bool:
    """Say whether an owner has no store keys yet: only then may a KEK be made."""
    with reading(engine) as connection:
        asked = select(store_keys.c.id).where(store_keys.c.owner == owner)
        return connection.execute(asked.limit(1)).first() is None


class StoreKeys:
    """Wraps with a random one of an owner's store keys, unwraps with the one named. Not thread-safe on its own.

    `owner` is whose keys are used where a call does not say it.
    """

    def __init__(self, engine: Engine, kms: Kms | KmsOf, owner: str = "", *, limit_s: float = MAX_AGE_S) -> None:
        self.owner = owner
        self._engine = engine
        self._kms_of: KmsOf = kms if callable(kms) else lambda _: kms
        self._limit_s = limit_s
        self._rings: dict[str, KeyRing] = {}
        self._owners: dict[int, str] = {}
        self._refuse_loss()
        self.ring("").make_missing()

    def wrap(self, secret: bytes, *context: bytes, owner: str | None = None) -> tuple[int, bytes]:
        """Return (store key id, wrapped). Raises OwnerKeysError when a member's KMS is needed and gives no keys."""
        keys = self.ring(self.owner if owner is None else owner).active()
        number = secrets.choice(list(keys))
        return number, wrap(keys[number], secret, *context)

    def unwrap(self, number: int, wrapped: bytes, *context: bytes) -> bytes:
        """Return what `wrap` was given. Raises KeyUnavailableError for a damaged or misplaced row, as `wrap`, too."""
        key = self.ring(self.owner_of(number)).key(number)
        try:
            return unwrap(key, wrapped, *context)
        except InvalidTag:
            raise KeyUnavailableError(
                "a row of the key store is damaged or was moved", remedy="restore the store from a backup"
            ) from None

    def ring(self, owner: str) -> KeyRing:
        """Return an owner's store keys."""
        if owner not in self._rings:
            self._rings[owner] = KeyRing(self._engine, owner, lambda: self._kms_of(owner), self._limit_s)
        return self._rings[owner]

    def rings(self) -> list[KeyRing]:
        """Return the store keys of every owner that was asked for."""
        return list(self._rings.copy().values())

    def owner_of(self, number: int) -> str:
        """Return whose a store key is. Raises KeyUnavailableError when there is no such store key."""
        if number not in self._owners:
            with reading(self._engine) as connection:
                rows = connection.execute(select(store_keys.c.id, store_keys.c.owner)).all()
            self._owners = {row.id: row.owner for row in rows}
        if number not in self._owners:
            raise KeyUnavailableError(f"store key {number} is missing", remedy="restore the store from one backup")
        return self._owners[number]

    def _refuse_loss(self) -> None:
        with reading(self._engine) as connection:
            there: Any = connection.execute(select(store_keys.c.id).limit(1)).first()
            in_use = any(connection.execute(select(one.c.wrapped).limit(1)).first() for one in _WRAPPED)
        if in_use and not there:
            raise KeyUnavailableError(
                "the store keys are gone, and what they wrap is not", remedy="restore the store from one backup"
            )
