"""A store that version 1 of its tables made is brought up to date where it lies."""

import hashlib
import multiprocessing

import pytest
from sqlalchemy import create_engine, inspect, text

from penstock.ops.store.engine import open_sqlite, open_url, writing
from penstock.ops.store.tables import STORE_VERSION, metadata
from penstock.ops.store.tokens import TokenStore

OLD = "pst_" + "o" * 43
GONE = "pst_" + "g" * 43
FAR_MS = 4_000_000_000_000

# What version 1 executed, word for word, but for the type of bytes.
TABLES = [
    "CREATE TABLE penstock_version (version INTEGER NOT NULL, PRIMARY KEY (version))",
    "CREATE TABLE store_keys (id INTEGER NOT NULL, wrapped {bytes} NOT NULL, PRIMARY KEY (id))",
    """CREATE TABLE secrets (name VARCHAR NOT NULL, store_key INTEGER NOT NULL, wrapped {bytes} NOT NULL,
       PRIMARY KEY (name))""",
    """CREATE TABLE subjects (subject {bytes} NOT NULL, domain VARCHAR NOT NULL, version INTEGER NOT NULL,
       store_key INTEGER NOT NULL, wrapped {bytes} NOT NULL, PRIMARY KEY (subject, domain))""",
    """CREATE TABLE handles (handle {bytes} NOT NULL, agreement VARCHAR NOT NULL, subject {bytes}, domain VARCHAR,
       version INTEGER NOT NULL, store_key INTEGER, wrapped {bytes}, PRIMARY KEY (handle),
       UNIQUE (agreement, subject, version))""",
    """CREATE TABLE tokens (digest {bytes} NOT NULL, member VARCHAR NOT NULL, issued_ms BIGINT NOT NULL,
       expires_ms BIGINT NOT NULL, revoked_ms BIGINT, PRIMARY KEY (digest))""",
    "INSERT INTO penstock_version VALUES (1)",
]


def store_of_version_1(url, bytes_type):
    engine = create_engine(url)
    with engine.begin() as connection:
        for statement in TABLES:
            connection.exec_driver_sql(statement.format(bytes=bytes_type))
        for token, revoked in ((OLD, None), (GONE, 5)):
            row = {"digest": hashlib.sha256(token.encode()).digest(), "expires": FAR_MS, "revoked": revoked}
            connection.execute(text("INSERT INTO tokens VALUES (:digest, 'fi-tax', 1, :expires, :revoked)"), row)
    engine.dispose()


def versions(engine):
    with writing(engine) as connection:
        return sorted(connection.exec_driver_sql("SELECT version FROM penstock_version").scalars())


def columns(engine):
    return {table: {one["name"] for one in inspect(engine).get_columns(table)} for table in metadata.tables}


def judge(engine):
    tokens = TokenStore(engine)
    assert versions(engine) == [1, STORE_VERSION]
    assert columns(engine) == {name: set(table.columns.keys()) for name, table in metadata.tables.items()}
    assert tokens.member_of(OLD, "keys") == "fi-tax"
    assert tokens.ask(OLD, "publish", "registry").why == "scope"
    assert tokens.ask(GONE, "keys").why == "revoked"
    assert tokens.member_of(tokens.issue("ee-stat", scope="publish"), "publish") == "ee-stat"
    old = hashlib.sha256(OLD.encode()).hexdigest()[:12]
    assert old in {one.id for one in tokens.issued()}
    assert tokens.revoke(old)
    assert tokens.member_of(OLD) is None


def test_a_sqlite_store_of_version_1_is_upgraded_once(tmp_path):
    store_of_version_1(f"sqlite:///{tmp_path / 'store.db'}", "BLOB")
    judge(open_sqlite(tmp_path / "store.db"))
    assert versions(open_sqlite(tmp_path / "store.db")) == [1, STORE_VERSION]


def test_a_new_store_says_its_version_alone(tmp_path):
    engine = open_sqlite(tmp_path / "store.db")
    assert versions(engine) == [STORE_VERSION]
    assert columns(engine)["tokens"] >= {"id", "scope", "label"}


def open_one(path, at_once, opened):
    at_once.wait()
    open_sqlite(path)
    opened.put(True)


def test_processes_that_open_it_at_once_upgrade_it_once(tmp_path):
    path = tmp_path / "store.db"
    store_of_version_1(f"sqlite:///{path}", "BLOB")
    context = multiprocessing.get_context("fork")
    at_once, opened = context.Barrier(4), context.Queue()
    processes = [context.Process(target=open_one, args=(path, at_once, opened)) for _ in range(4)]
    for one in processes:
        one.start()
    for one in processes:
        one.join(60)
    assert [one.exitcode for one in processes] == [0] * 4
    judge(open_sqlite(path))


def test_an_upgrade_that_fails_leaves_version_1(tmp_path):
    url = f"sqlite:///{tmp_path / 'store.db'}"
    store_of_version_1(url, "BLOB")
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE INDEX tokens_id ON secrets (name)")  # in the way of the last statement
    with pytest.raises(Exception, match="key store"):
        open_sqlite(tmp_path / "store.db")
    assert versions(engine) == [1]
    assert "scope" not in {one["name"] for one in inspect(engine).get_columns("tokens")}
    engine.dispose()


def test_a_postgresql_store_of_version_1_is_upgraded(postgresql_url):
    engine = create_engine(postgresql_url)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("CREATE DATABASE version_1")
    engine.dispose()
    url = postgresql_url.replace("/postgres?", "/version_1?")
    store_of_version_1(url, "BYTEA")
    upgraded = open_url(url)
    judge(upgraded)
    upgraded.dispose()
