"""Wrapping what retired store keys wrap under those of today: row by row, any number of times, by several at once."""

from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import ColumnElement, Engine, Table, and_, func, select

from .engine import reading, writing
from .store_keys import StoreKeys
from .subject_material import subject_context
from .tables import handles, secrets, store_keys, subjects

CHUNK = 200
Told = Callable[[int, int], None]
"""Hears how many rows are done, and of how many."""

_IDS: dict[Table, tuple[str, ...]] = {subjects: ("subject", "domain"), handles: ("handle",), secrets: ("name",)}


def waiting(engine: Engine) -> int:
    """Return how many rows are under retired store keys."""
    with reading(engine) as connection:
        return sum(connection.execute(_counting(table)).scalar_one() for table in _IDS)


def rewrap(engine: Engine, keys: StoreKeys, told: Told) -> int:
    """Wrap every row under a retired store key by one in use of the same owner; return how many were.

    A row is replaced only where it is still what was read, so that an erasure or another process goes first. Each CHUNK
    is a transaction: interrupted, the next run goes on. Raises KeyUnavailableError at the first row that does not open.
    """
    total, done = waiting(engine), 0
    told(0, total)
    for table in _IDS:
        for rows in _chunks(engine, table):
            changes = [(_this(table, row), _again(keys, table, row)) for row in rows]
            with writing(engine) as connection:
                for this, (number, wrapped) in changes:
                    again = table.update().where(this).values(store_key=number, wrapped=wrapped)
                    done += connection.execute(again).rowcount
            told(done, max(total, done))
    return done


def rows_by_key(engine: Engine) -> dict[int, int]:
    """Return how many rows each store key wraps."""
    found: dict[int, int] = {}
    with reading(engine) as connection:
        for table in _IDS:
            asked = select(table.c.store_key, func.count()).where(table.c.store_key.is_not(None))
            for number, count in connection.execute(asked.group_by(table.c.store_key)):
                found[number] = found.get(number, 0) + count
    return found


def _retired(table: Table) -> ColumnElement[bool]:
    return table.c.store_key.in_(select(store_keys.c.id).where(store_keys.c.retired_ms.is_not(None)))


def _counting(table: Table) -> Any:
    return select(func.count()).select_from(table).where(_retired(table))


def _chunks(engine: Engine, table: Table) -> Iterator[Any]:
    """Give what is left, CHUNK rows at a time; what comes again unchanged ends it."""
    before: Any = None
    while True:
        with reading(engine) as connection:
            rows = connection.execute(select(table).where(_retired(table)).limit(CHUNK)).all()
        if not rows or rows == before:
            return
        yield rows
        before = rows


def _this(table: Table, row: Any) -> ColumnElement[bool]:
    same = [table.c[name] == row._mapping[name] for name in (*_IDS[table], "wrapped")]  # noqa: SLF001 - SQLAlchemy's
    return and_(*same)


def _again(keys: StoreKeys, table: Table, row: Any) -> tuple[int, bytes]:
    context = _context(table, row)
    secret = keys.unwrap(row.store_key, row.wrapped, *context)
    return keys.wrap(secret, *context, owner=keys.owner_of(row.store_key))


def _context(table: Table, row: Any) -> tuple[bytes, ...]:
    if table is subjects:
        return subject_context(row.subject, row.domain, row.version)
    if table is handles:
        return b"bulk", row.agreement.encode(), row.handle
    return b"secret", row.name.encode()
