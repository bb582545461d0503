"""Destroying data subjects' keys and pseudonyms, once for each order; and what is kept of it until all were told.

What the recipients of a case knew the data subject by (pseudonyms, key handles) is kept, wrapped like any secret, from
the destruction until they are told, and then each one's notice until it is answered. Nothing of it opens anything.
"""

import base64
import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing, suppress
from typing import Any

from sqlalchemy import Connection, Engine, delete, select

from ...schemas.erasure import Ordered
from ...schemas.errors import KeyUnavailableError
from .engine import insert_new, reading, writing
from .progress import ERASURES, advance, held, require_not_older
from .store_keys import StoreKeys
from .subject_material import material_of, subject_context
from .tables import handles, subjects
from .tables import secrets as secret_rows

_CHUNK = 200


def destroy(engine: Engine, store_keys: StoreKeys, orders: Sequence[Ordered], *, older: bool = False) -> None:
    """Destroy what there was of each order's subjects, unless that was done. One SQL transaction an order.

    An order is known by its offset: a store that has come so far is not asked again, so that keys which were made for a
    later event stay. Raises UnavailableError, and ConfigurationError for a store that is older than an order, unless
    `older` says that this is known.
    """
    with reading(engine) as connection:
        known = held(connection)
    if not older:
        require_not_older(known, orders)
    new = [one for one in orders if one.offset > known.get(ERASURES, -1)]
    if new:
        store_keys.ring("").active()  # a KMS is not waited for inside a transaction
    for one in sorted(new, key=lambda one: one.offset):
        with writing(engine) as connection:
            if advance(connection, ERASURES, one.offset):
                _destroy(connection, store_keys, one)


def _destroy(connection: Connection, store_keys: StoreKeys, one: Ordered) -> None:
    name = marks_name(one.order.case)
    marks = json.dumps(_marks(connection, store_keys, one.order.subjects)).encode()
    number, wrapped = store_keys.wrap(marks, b"secret", name.encode(), owner="")
    insert_new(connection, secret_rows, [{"name": name, "store_key": number, "wrapped": wrapped}])
    for part in _parts(one.order.subjects):
        connection.execute(delete(subjects).where(subjects.c.subject.in_(part)))
        connection.execute(delete(handles).where(handles.c.subject.in_(part)))


def _marks(connection: Connection, store_keys: StoreKeys, people: Collection[bytes]) -> dict[str, Any]:
    """Return by what recipients know the data subject: by agreement its pseudonyms and handles; and the domains."""
    pseudonyms: dict[tuple[bytes, str], str] = {}
    agreements: dict[str, dict[str, list[str]]] = {}
    for part in _parts(people):
        for row in connection.execute(select(subjects).where(subjects.c.subject.in_(part))):
            context = subject_context(row.subject, row.domain, row.version)
            # What is damaged is destroyed all the same, and what a KMS that is away does not open now.
            with suppress(KeyUnavailableError):
                material = material_of(store_keys.unwrap(row.store_key, row.wrapped, *context), row.version)
                pseudonyms[row.subject, row.domain] = base64.b32encode(material.pseudonym).decode().rstrip("=").lower()
        for row in connection.execute(select(handles).where(handles.c.subject.in_(part))):
            said = agreements.setdefault(row.agreement, {"pseudonyms": [], "handles": []})
            said["handles"].append(row.handle.hex())
            named = pseudonyms.get((row.subject, row.domain))
            if named is not None and named not in said["pseudonyms"]:
                said["pseudonyms"].append(named)
    return {"agreements": agreements, "domains": sorted({domain for _, domain in pseudonyms})}


def forget_pages(engine: Engine) -> bool:
    """Cut SQLite's log, in which older images of its pages lie, to nothing; False where somebody reads all the time.

    PostgreSQL does the like in its own time (VACUUM, archived logs).
    """
    if engine.dialect.name != "sqlite":
        return True
    with closing(engine.raw_connection()) as connection:
        busy, *_ = connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy


def _parts(people: Collection[bytes]) -> list[list[bytes]]:
    listed = sorted(people)
    return [listed[start : start + _CHUNK] for start in range(0, len(listed), _CHUNK)]


def marks_name(case: str) -> str:
    return f"erasure/{case}"


class Papers:
    """What is kept of a case while somebody is still to be told, sealed; deleted with `drop`."""

    def __init__(self, engine: Engine, store_keys: StoreKeys) -> None:
        self._engine = engine
        self._store_keys = store_keys

    def marks(self, case: str) -> Mapping[str, Any] | None:
        """Return what `destroy` kept of a case: `agreements` and `domains`; None when it was dropped or never was."""
        return self._get(marks_name(case))

    def notice(self, case: str, member: str) -> Mapping[str, Any] | None:
        """Return a member's signed notice, None when there is none or it was answered."""
        return self._get(f"{marks_name(case)}/{member}")

    def keep_notice(self, case: str, member: str, said: Mapping[str, Any]) -> None:
        """Keep a member's signed notice, over any that is there."""
        name = f"{marks_name(case)}/{member}"
        number, wrapped = self._store_keys.wrap(json.dumps(said).encode(), b"secret", name.encode(), owner="")
        with writing(self._engine) as connection:
            connection.execute(delete(secret_rows).where(secret_rows.c.name == name))
            insert_new(connection, secret_rows, [{"name": name, "store_key": number, "wrapped": wrapped}])

    def drop(self, case: str, member: str = "") -> None:
        """Delete a member's notice, or (no member) what was kept to write notices of."""
        name = f"{marks_name(case)}/{member}" if member else marks_name(case)
        with writing(self._engine) as connection:
            connection.execute(delete(secret_rows).where(secret_rows.c.name == name))

    def cases_for(self, member: str) -> list[str]:
        """Return the cases in which there is a notice for `member`."""
        with reading(self._engine) as connection:
            names = connection.execute(select(secret_rows.c.name).where(secret_rows.c.name.like("erasure/%/%")))
            found = [name.split("/") for name in names.scalars()]
        return sorted(case for _, case, told in found if told == member)

    def _get(self, name: str) -> Mapping[str, Any] | None:
        with reading(self._engine) as connection:
            row = connection.execute(select(secret_rows).where(secret_rows.c.name == name)).one_or_none()
        if row is None:
            return None
        found: Mapping[str, Any] = json.loads(
            self._store_keys.unwrap(row.store_key, row.wrapped, b"secret", name.encode())
        )
        return found
