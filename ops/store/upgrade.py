"""Older stores: brought up to date in the transaction that opens them, so that half an upgrade never stays."""

from sqlalchemy import Connection, inspect, select

from .tables import STORE_VERSION, tokens, versions

ID_DIGITS = 12


def version_of(connection: Connection) -> int:
    """Return the version of the store; 0 for a database that is none yet."""
    if not inspect(connection).has_table(versions.name):
        return 0
    return max(connection.execute(select(versions.c.version)).scalars().all(), default=0)


def bring_up_to_date(connection: Connection, before: int) -> None:
    """Change the tables of version `before` into today's and note it. Tables that are new are there already."""
    if before == 1:
        _name_and_scope_tokens(connection)
    if before in {1, 2}:
        _own_store_keys(connection)
    if before < STORE_VERSION:
        connection.execute(versions.insert(), {"version": STORE_VERSION})


def _name_and_scope_tokens(connection: Connection) -> None:
    """Version 2: a token has an id, a scope and a label. Those from before are for keys, as they were used."""
    for column in ("id VARCHAR", "scope VARCHAR DEFAULT 'keys' NOT NULL", "label VARCHAR DEFAULT '' NOT NULL"):
        connection.exec_driver_sql(f"ALTER TABLE tokens ADD COLUMN {column}")
    for digest in connection.execute(select(tokens.c.digest)).scalars().all():
        named = tokens.update().where(tokens.c.digest == digest).values(id=token_id(digest))
        connection.execute(named)
    connection.exec_driver_sql("CREATE UNIQUE INDEX tokens_id ON tokens (id)")


def _own_store_keys(connection: Connection) -> None:
    """Version 3: a store key has an owner, and may be retired. Those from before are the ecosystem's."""
    for column in ("owner VARCHAR DEFAULT '' NOT NULL", "made_ms BIGINT DEFAULT '0' NOT NULL", "retired_ms BIGINT"):
        connection.exec_driver_sql(f"ALTER TABLE store_keys ADD COLUMN {column}")


def token_id(digest: bytes) -> str:
    """Return what a token is called in lists and by `revoke`; nobody gets in with it."""
    return digest.hex()[:ID_DIGITS]
