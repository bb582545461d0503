"""The version of the data keys that an owner's events are protected under: workers follow it, a command moves it."""

import time

from sqlalchemy import Engine, select

from ...schemas.errors import UnavailableError
from ..clock import now_ms
from .engine import insert_new, reading, writing
from .tables import data_key_versions

LOOK_S = 15.0
BLIND_S = 45.0
"""So long a version is used that could not be asked for again: with LOOK_S, and a batch, within the 60 s promised."""


class DataKeyVersion:
    """The version of one owner, read again every LOOK_S. Not thread-safe."""

    def __init__(self, engine: Engine, owner: str) -> None:
        self._engine = engine
        self._owner = owner
        self.now = version_of(engine, owner)
        self._known = self._asked = time.monotonic()

    def changed(self) -> bool:
        """Look, if it is time, and say whether `now` is another than before.

        Raises UnavailableError when the store has not answered for BLIND_S.
        """
        at = time.monotonic()
        if at - self._asked < LOOK_S:
            return False
        self._asked = at
        before = self.now
        try:
            self.now = version_of(self._engine, self._owner)
        except UnavailableError:
            if at - self._known > BLIND_S:
                raise
        else:
            self._known = at
        return self.now != before


def version_of(engine: Engine, owner: str) -> int:
    """Return the version of the data keys of `owner`: 1 until they are rotated."""
    asked = select(data_key_versions.c.version).where(data_key_versions.c.owner == owner)
    with reading(engine) as connection:
        return connection.execute(asked).scalar() or 1


def rotate_data_keys(engine: Engine, owner: str) -> int:
    """Let what is protected from now on be protected under new keys; return their version.

    The keys themselves are made when a data subject's next event comes.
    """
    one = data_key_versions.c.owner == owner
    now = now_ms()
    with writing(engine) as connection:
        insert_new(connection, data_key_versions, [{"owner": owner, "version": 1, "since_ms": 0}])
        higher = data_key_versions.update().where(one)
        connection.execute(higher.values(version=data_key_versions.c.version + 1, since_ms=now))
        return int(connection.execute(select(data_key_versions.c.version).where(one)).scalar_one())
