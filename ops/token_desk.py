"""Giving and ending what members get in with: tokens for the gateway and HTTP ingest, and users of Kafka."""

import time
from typing import Any

from ..schemas.charter import Charter
from ..schemas.errors import ConfigurationError
from .clock import now_ms
from .documents.load import one_document
from .store.tokens import Issued, Scope
from .wiring import Wiring


def issue_token(wiring: Wiring, member: str, days: int, scope: Scope, label: str) -> tuple[str, Issued]:
    """Return a new token of a member of the charter, and what lists say of it. It cannot be shown again."""
    refuse_strangers(wiring, member)
    tokens = wiring.tokens()
    token = tokens.issue(member, days, scope=scope, label=label)
    return token, tokens.issued_as(token)


def refuse_strangers(wiring: Wiring, member: str) -> None:
    """Raise ConfigurationError for somebody whom the charter on disk does not name."""
    charter = one_document(wiring.home.root, "charter", Charter)
    if charter.member(member) is None:
        raise ConfigurationError(
            f"the charter has no member `{member}`",
            place="charter.yaml",
            remedy="one of " + ", ".join(sorted(one.id for one in charter.members)),
        )


def token_rows(wiring: Wiring) -> list[dict[str, Any]]:
    """Return a row for each token ever issued, the newest first; nobody gets in with what it says."""
    return [token_row(one) for one in wiring.tokens().issued()]


def token_row(one: Issued) -> dict[str, Any]:
    """Return what lists say of a token."""
    state = "revoked" if one.revoked_ms is not None else "expired" if one.expires_ms <= now_ms() else "good"
    return {
        "id": one.id,
        "member": one.member,
        "scope": one.scope,
        "label": one.label,
        "issued": at(one.issued_ms),
        "expires": at(one.expires_ms),
        "state": state,
    }


def at(instant_ms: int) -> str:
    """Return an instant as text, UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(instant_ms // 1_000))


def revoke_token(wiring: Wiring, token_id: str) -> None:
    """End one token at once. Raises ConfigurationError when there is none of that id."""
    if not wiring.tokens().revoke(token_id):
        raise ConfigurationError(f"there is no token `{token_id}`", remedy="penstock tokens list")
