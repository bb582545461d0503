"""How long each principal's Kafka credential is good for. The password itself is with Kafka, as a SCRAM verifier."""

from sqlalchemy import Engine, select

from .engine import reading, writing
from .tables import credentials


class CredentialStore:
    """Remembers the newest credential of each principal. A principal that was never issued one has no time limit."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def issued(self, principal: str, now_ms: int, expires_ms: int) -> None:
        """Note a new credential in place of the one before."""
        row = {"principal": principal, "issued_ms": now_ms, "expires_ms": expires_ms, "revoked_ms": None}
        self._replace(principal, row)

    def revoked(self, principal: str, now_ms: int) -> None:
        """Note that `principal` has no credential any more, also where none was noted before."""
        row = {"principal": principal, "issued_ms": now_ms, "expires_ms": now_ms, "revoked_ms": now_ms}
        self._replace(principal, row)

    def ended(self, now_ms: int) -> frozenset[str]:
        """Return whose credential is revoked or expired."""
        over = credentials.c.revoked_ms.is_not(None) | (credentials.c.expires_ms <= now_ms)
        with reading(self._engine) as connection:
            return frozenset(connection.execute(select(credentials.c.principal).where(over)).scalars())

    def spans(self) -> dict[str, tuple[int, int]]:
        """Return when each credential that was not revoked was issued, and when it expires or did."""
        asked = select(credentials.c.principal, credentials.c.issued_ms, credentials.c.expires_ms)
        with reading(self._engine) as connection:
            rows = connection.execute(asked.where(credentials.c.revoked_ms.is_(None))).all()
        return {str(principal): (int(issued), int(expires)) for principal, issued, expires in rows}

    def next_end(self, now_ms: int) -> int | None:
        """Return when the next credential expires; None when none will."""
        coming = credentials.c.revoked_ms.is_(None) & (credentials.c.expires_ms > now_ms)
        first = select(credentials.c.expires_ms).where(coming).order_by(credentials.c.expires_ms).limit(1)
        with reading(self._engine) as connection:
            return connection.execute(first).scalar_one_or_none()

    def _replace(self, principal: str, row: dict[str, object]) -> None:
        with writing(self._engine) as connection:
            connection.execute(credentials.delete().where(credentials.c.principal == principal))
            connection.execute(credentials.insert(), row)
