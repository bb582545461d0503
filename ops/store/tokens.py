"""Bearer tokens of members. The store holds digests: a token is shown once, when it is issued."""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Any, Literal, get_args

from sqlalchemy import Engine, Update, select, update

from ..clock import now_ms
from .engine import reading, writing
from .tables import tokens
from .upgrade import token_id

PREFIX = "pst_"
DEFAULT_DAYS = 90

Scope = Literal["keys", "publish", "registry"]
"""What a token opens: the key desk and the schemas of one's own; HTTP ingest; writing to the schema registry."""

SCOPES: tuple[str, ...] = get_args(Scope)
Why = Literal["", "authentication", "expired", "revoked", "scope"]


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose a token is (None: nobody's), why it does not open a door (empty: it does), and its scope."""

    member: str | None
    why: Why = ""
    scope: str = ""


@dataclass(frozen=True, slots=True)
class Issued:
    """A token as lists show it."""

    id: str
    member: str
    scope: str
    label: str
    issued_ms: int
    expires_ms: int
    revoked_ms: int | None


class TokenStore:
    """Issues tokens and says whose they are; a `Doorkeeper`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def issue(self, member: str, days: int = DEFAULT_DAYS, *, scope: Scope = "keys", label: str = "") -> str:
        """Return a new token of `member`, good for `days` at the doors of `scope`. It cannot be shown again."""
        token = PREFIX + secrets.token_urlsafe(32)
        now = now_ms()
        row = {
            "digest": _digest(token),
            "id": token_id(_digest(token)),
            "member": member,
            "scope": scope,
            "label": label,
            "issued_ms": now,
            "expires_ms": now + days * 86_400_000,
            "revoked_ms": None,
        }
        with writing(self._engine) as connection:
            connection.execute(tokens.insert(), row)
        return token

    def member_of(self, token: str, scope: str = "keys") -> str | None:
        """Return whose token it is, None for one that is unknown, expired, revoked or for another door."""
        asked = self.ask(token, scope)
        return None if asked.why else asked.member

    def ask(self, token: str, *scopes: str) -> Asked:
        """Return whose token it is and whether it opens a door of one of `scopes`.

        Looked up by its digest: comparing takes no time that tells about other tokens.
        """
        with reading(self._engine) as connection:
            row = connection.execute(select(tokens).where(tokens.c.digest == _digest(token))).one_or_none()
        if row is None:
            return Asked(None, "authentication")
        return Asked(str(row.member), _why(row, scopes), str(row.scope))

    def issued(self) -> list[Issued]:
        """Return every token ever issued, the newest first."""
        columns = [tokens.c[name] for name in Issued.__slots__]
        with reading(self._engine) as connection:
            rows = connection.execute(select(*columns).order_by(tokens.c.issued_ms.desc(), tokens.c.id)).all()
        return [Issued(*row) for row in rows]

    def issued_as(self, token: str) -> Issued:
        """Return what lists say of a token that was issued."""
        name = token_id(_digest(token))
        return next(one for one in self.issued() if one.id == name)

    def revoke(self, token: str) -> bool:
        """Make a token, named by its id or itself, useless at once; False when there is no such token."""
        name = token_id(_digest(token)) if token.startswith(PREFIX) else token
        return self._revoke(update(tokens).where(tokens.c.id == name)) == 1

    def revoke_member(self, member: str) -> int:
        """Make every token of `member` useless at once; return how many there were that were not yet."""
        return self._revoke(update(tokens).where(tokens.c.member == member, tokens.c.revoked_ms.is_(None)))

    def _revoke(self, change: Update) -> int:
        with writing(self._engine) as connection:
            return connection.execute(change.values(revoked_ms=now_ms())).rowcount


def _why(row: Any, scopes: tuple[str, ...]) -> Why:
    if row.revoked_ms is not None:
        return "revoked"
    if row.expires_ms <= now_ms():
        return "expired"
    return "" if row.scope in scopes else "scope"


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="replace")).digest()
