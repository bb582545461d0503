"""Opening the store: SQLite with every commit on disk, or PostgreSQL."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

from ...schemas.errors import ConfigurationError, PenstockError, UnavailableError
from .tables import STORE_VERSION, metadata
from .upgrade import bring_up_to_date, version_of

BUSY_S = 10
_BUSY_PAUSE_S = 0.02
_TABLES_LOCK = 0x70656E73
_CAUSES = {
    "SQLITE_BUSY": "another process keeps it locked",
    "SQLITE_READONLY": "it is read-only",
    "SQLITE_FULL": "its disk is full",
    "SQLITE_IOERR": "its disk cannot be read or written",
    "SQLITE_CANTOPEN": "its file cannot be opened",
}


def open_sqlite(path: Path) -> Engine:
    """Return the store in the file at `path`, made if missing, readable by its owner only."""
    try:
        path.touch(mode=0o600, exist_ok=True)
    except OSError as failure:
        raise ConfigurationError(
            f"the store cannot be made ({failure.strerror})", place=str(path), remedy="make its directory, writable"
        ) from None
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": BUSY_S})

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # this file says when transactions begin
        _write_ahead(connection)
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA secure_delete=ON")  # what is deleted is overwritten, not left in a free page

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        # A transaction that first reads and then writes would fail when another process wrote in between.
        reads = connection.get_execution_options().get("penstock_reads", False)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return _with_tables(engine, str(path))


def _write_ahead(connection: Any) -> None:
    """Turn write-ahead logging on. SQLite's own patience does not cover this: it says at once that it is busy."""
    deadline = time.monotonic() + BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_BUSY_PAUSE_S)
        else:
            return


def open_url(url: str) -> Engine:
    """Return the store at an SQLAlchemy URL (PostgreSQL)."""
    try:
        engine = create_engine(url, pool_pre_ping=True)
    except (SQLAlchemyError, ImportError) as failure:
        raise ConfigurationError(f"the store's URL cannot be used ({type(failure).__name__})") from None
    return _with_tables(engine, engine.url.render_as_string(hide_password=True))


def _with_tables(engine: Engine, place: str) -> Engine:
    with writing(engine) as connection:
        if engine.dialect.name == "postgresql":
            # Two processes that both make the tables would collide in PostgreSQL's own catalogue.
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_TABLES_LOCK})")
        before = version_of(connection)
        if before > STORE_VERSION:
            raise ConfigurationError("a newer Penstock wrote this store", place=place, remedy="upgrade Penstock")
        metadata.create_all(connection)
        bring_up_to_date(connection, before)
    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Open one transaction; durable when the block ends.

    Raises UnavailableError when the database does not answer, ConfigurationError when it is damaged or no store.
    """
    try:
        with engine.begin() as connection:
            yield connection
    except DBAPIError as failure:
        raise _in_our_words(engine, failure) from None


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Open a connection that only reads and holds nobody up. Raises as `writing` does."""
    try:
        with engine.connect().execution_options(penstock_reads=True) as connection:
            yield connection
    except DBAPIError as failure:
        raise _in_our_words(engine, failure) from None


def _in_our_words(engine: Engine, failure: DBAPIError) -> PenstockError:
    """Return what went wrong by its code alone: a driver's message can quote statement, parameters and rows."""
    place = engine.url.render_as_string(hide_password=True)
    original = failure.orig
    code = getattr(original, "sqlite_errorname", None) or getattr(original, "sqlstate", None) or ""
    if isinstance(failure, OperationalError):
        known = next((words for start, words in _CAUSES.items() if code.startswith(start)), "")
        return UnavailableError(
            f"the key store does not answer: {known or code or type(original).__name__}",
            place=place,
            remedy="check that the database runs, its disk has room and it may be written",
        )
    return ConfigurationError(
        f"the key store is damaged, or is no key store ({code or type(original).__name__})",
        place=place,
        remedy="restore it from a backup, together with the KEK",
    )


def insert_new(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Insert `rows`, leaving out those that are there already."""
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        connection.execute(postgresql.insert(table).on_conflict_do_nothing(), rows)
    else:
        connection.execute(sqlite.insert(table).on_conflict_do_nothing(), rows)
