"""Bearer tokens of members. The store holds digests: a token is shown once, when it is issued."""

import hashlib
import secrets
import time

from sqlalchemy import Engine, select, update

from .engine import reading, writing
from .tables import tokens

PREFIX = "pst_"
DEFAULT_DAYS = 90


class TokenStore:
    """Issues tokens and says whose they are."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def issue(self, member: str, days: int = DEFAULT_DAYS) -> str:
        """Return a new token of `member`, good for `days`. It cannot be shown again."""
        token = PREFIX + secrets.token_urlsafe(32)
        now = _now_ms()
        row = {
            "digest": _digest(token),
            "member": member,
            "issued_ms": now,
            "expires_ms": now + days * 86_400_000,
            "revoked_ms": None,
        }
        with writing(self._engine) as connection:
            connection.execute(tokens.insert(), row)
        return token

    def member_of(self, token: str) -> str | None:
        """Return whose token it is, None for one that is unknown, expired or revoked.

        Looked up by its digest: comparing takes no time that tells about other tokens.
        """
        columns = (tokens.c.member, tokens.c.expires_ms, tokens.c.revoked_ms)
        with reading(self._engine) as connection:
            row = connection.execute(select(*columns).where(tokens.c.digest == _digest(token))).one_or_none()
        if row is None or row.revoked_ms is not None or row.expires_ms <= _now_ms():
            return None
        return str(row.member)

    def revoke(self, token: str) -> bool:
        """Make a token useless; False when there is no such token."""
        change = update(tokens).where(tokens.c.digest == _digest(token)).values(revoked_ms=_now_ms())
        with writing(self._engine) as connection:
            return connection.execute(change).rowcount == 1


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
