"""Kafka credentials of members: issued, shown once, good for a time, revoked."""

from dataclasses import dataclass

from ...schemas.ecosystem import NamedCluster
from ...schemas.errors import ConfigurationError
from ...schemas.principals import member_principal
from ..clock import now_ms
from ..in_force import generation_or_none
from ..wiring import Wiring
from .keeper import AccessKeeper
from .passwords import Passwords, new_password

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Credential:
    """What a member logs in to Kafka with (SASL/SCRAM-SHA-512). Kafka keeps a verifier only: it is shown once."""

    username: str
    password: str
    expires_ms: int


def issue(wiring: Wiring, member: str, days: int) -> Credential:
    """Return a new credential of `member`, good for `days`; it replaces the one before.

    A connection that was opened with the one before goes on until it is closed: revoke first to end it at once. What
    the member may do follows from its agreements. Raises ConfigurationError where Penstock makes no users.
    """
    keeper, user, now = managed(wiring), member_principal(member), now_ms()
    made = Credential(user, new_password(), now + days * DAY_MS)
    with Passwords(wiring.home.credentials).alone():
        keeper.set_password(user, made.password)
        wiring.credentials().issued(user, now, made.expires_ms)
        _keep(wiring, user, made.password)
    _settle(wiring, keeper, now)
    return made


def revoke(wiring: Wiring, member: str) -> bool:
    """End the credential of `member`: no login, and no right for connections that are open. False: it had none.

    Raises ConfigurationError where Penstock makes no users.
    """
    keeper, user, now = managed(wiring), member_principal(member), now_ms()
    there = user in keeper.users()
    wiring.credentials().revoked(user, now)
    _settle(wiring, keeper, now)
    return there


def _settle(wiring: Wiring, keeper: AccessKeeper, at_ms: int) -> None:
    keeper.settle(generation_or_none(wiring), lambda: generation_or_none(wiring), at_ms)


def leave_for(wiring: Wiring, members: list[str]) -> None:
    """Leave a credential for each of `members` in an embedded ecosystem's own state, but for those that were ended.

    Without a time limit: they are of a cluster for trying, and end with it.
    """
    keeper, passwords = managed(wiring), Passwords(wiring.home.credentials)
    with passwords.alone():
        # Asked inside: somebody may be issuing a credential just now.
        there, ended = keeper.users(), wiring.credentials().ended(now_ms())
        for user in map(member_principal, members):
            if user in ended or (user in there and passwords.of(user)):
                continue
            password = new_password()
            keeper.set_password(user, password)
            passwords.keep(user, password)


def managed(wiring: Wiring) -> AccessKeeper:
    """Return the keeper of the cluster's users. Raises ConfigurationError where they are not ours to make."""
    keeper = wiring.access()
    if keeper is None or not keeper.makes_users:
        raise ConfigurationError(
            "Penstock makes no users on this cluster",
            place="ecosystem.yaml",
            remedy="set `cluster.access: managed` (with SCRAM-SHA-512), or ask whoever runs the cluster",
        )
    return keeper


def _keep(wiring: Wiring, user: str, password: str) -> None:
    """On an embedded cluster the commands of this machine read as the member: they need its password."""
    if not isinstance(wiring.ecosystem.cluster, NamedCluster):
        Passwords(wiring.home.credentials).keep(user, password)
