"""What must be on an embedded cluster before the first `apply`: our own topics, and users for the roles."""

from ...schemas.ecosystem import NamedCluster
from ...schemas.principals import OPERATOR
from ...streams.topics import ensure, own_topics
from ..clock import now_ms
from ..wiring import Wiring
from .passwords import Passwords


def establish(wiring: Wiring) -> None:
    """Lay own topics, and users and first rules of every role, with the operator's rights; take nothing away.

    On a named cluster only the topics, as the environment's user; where access is managed not even these: there
    `penstock access sync` and `apply` have the rights for it, and a role has not.
    """
    named = wiring.ecosystem.cluster if isinstance(wiring.ecosystem.cluster, NamedCluster) else None
    if named and named.access == "managed":
        return
    ensure(wiring.cluster(OPERATOR), own_topics())
    keeper = wiring.access()
    if keeper is not None:
        keeper.grant(None, now_ms())


def introduce(wiring: Wiring) -> None:
    """See to it that the wiring's own principal can log in to an embedded cluster: usually it can already."""
    if isinstance(wiring.ecosystem.cluster, NamedCluster):
        return
    if Passwords(wiring.home.credentials).of(wiring.principal) is None:
        establish(wiring)
