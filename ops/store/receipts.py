"""Receipts of requests to a served source: found again by their idempotency key for 24 hours.

A receipt is written before the Kafka transaction that makes it true; the source's committed position says whether it
became true (see `schemas.ports.Receipt`). That holds only while one process writes: a row beside the receipts names it.
"""

import secrets
from collections.abc import Sequence

from sqlalchemy import Connection, Engine, delete, select

from ...schemas.errors import RoleExit
from ...schemas.ports import Receipt
from .engine import reading, writing
from .tables import receipts

KEPT_MS = 24 * 3_600_000
_WRITER = bytes(32)  # no digest is all zeros
_FOR_EVER_MS = (1 << 63) - 1


class ReceiptStore:
    """The receipts of every source of an ecosystem; a `Receipts`.

    Who called `forget_after` last for a source is the one that may `keep` for it.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._name = secrets.token_hex(16)

    def find(self, source: str, key_digest: bytes) -> Receipt | None:
        """Return the receipt, committed or not, and however old; None when there is none."""
        columns = (receipts.c.sequence, receipts.c.body_digest, receipts.c.body, receipts.c.at_ms)
        where = (receipts.c.source == source, receipts.c.key_digest == key_digest)
        with reading(self._engine) as connection:
            row = connection.execute(select(*columns).where(*where)).one_or_none()
        return None if row is None else Receipt(row.sequence, key_digest, row.body_digest, row.body, row.at_ms)

    def keep(self, source: str, kept: Sequence[Receipt]) -> None:
        """Write receipts down, and drop those of the source that are older than 24 hours.

        Raises RoleExit when another process has taken the source over: its positions would make these true.
        """
        if not kept:
            return
        newest = max(one.at_ms for one in kept)
        digests = [one.key_digest for one in kept]
        rows = [
            {
                "source": source,
                "key_digest": one.key_digest,
                "sequence": one.sequence,
                "body_digest": one.body_digest,
                "body": one.body,
                "at_ms": one.at_ms,
            }
            for one in kept
        ]
        mine = receipts.c.source == source
        # As an expression, so that the index over the instants is taken: by its source all of a day would be read.
        old = (receipts.c.at_ms < newest - KEPT_MS, receipts.c.source.concat("") == source)
        with writing(self._engine) as connection:
            if self._writer(connection, source) != self._name:
                raise RoleExit("another process keeps this source's receipts", place=source)
            connection.execute(delete(receipts).where(mine, receipts.c.key_digest.in_(digests)))
            connection.execute(delete(receipts).where(*old))
            connection.execute(receipts.insert(), rows)

    def forget_after(self, source: str, sequence: int) -> None:
        """Drop the receipts of attempts that never committed; from here on nobody else keeps any."""
        mine = receipts.c.source == source
        writer = {
            "source": source,
            "key_digest": _WRITER,
            "sequence": 0,
            "body_digest": b"",
            "body": self._name,
            "at_ms": _FOR_EVER_MS,
        }
        with writing(self._engine) as connection:
            self._writer(connection, source)
            connection.execute(delete(receipts).where(mine, receipts.c.sequence > sequence))
            connection.execute(delete(receipts).where(mine, receipts.c.key_digest == _WRITER))
            connection.execute(receipts.insert(), writer)

    def _writer(self, connection: Connection, source: str) -> str | None:
        """Return who keeps receipts, and hold others off until the transaction ends."""
        where = (receipts.c.source == source, receipts.c.key_digest == _WRITER)
        found = connection.execute(select(receipts.c.body).where(*where).with_for_update()).scalar_one_or_none()
        return None if found is None else str(found)
