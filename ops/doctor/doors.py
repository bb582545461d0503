"""Who gets in, and for how long: users and rules on Kafka, tokens and credentials."""

from collections.abc import Iterator

from ...schemas.generation import Generation
from ..clock import now_ms
from ..documents.plan_access import access_changes
from ..token_desk import at
from ..wiring import Wiring
from .papers import SOON
from .result import Result, Verdict, well

SOON_MS = int(SOON.total_seconds() * 1000)


def access(wiring: Wiring, generation: Generation) -> Iterator[Result]:
    """Say where users and rules on Kafka are not what is in force wants."""
    keeper = wiring.access()
    if keeper is None:
        yield Result("access", Verdict.NOTE, "who may do what on this cluster is for those who run it")
        return
    found = keeper.drift(generation, now_ms())
    changes = list(map(str, access_changes(found)))
    surplus = len(found.surplus) + len(found.surplus_users)
    root = wiring.home.root
    if surplus:
        yield _drifted(Verdict.ILL, changes[:surplus], f"penstock access sync {root} takes it", "")
    if changes[surplus:]:
        remedy = f"penstock access sync {root} gives it"
        yield _drifted(Verdict.WARNING, changes[surplus:], remedy, "PenstockTransactionsAborting")
    if not changes:
        yield well("access", "users and rules on Kafka are what is in force wants")


def _drifted(verdict: Verdict, said: list[str], remedy: str, alert: str) -> Result:
    more = f" (and {len(said) - 1} more: penstock plan)" if len(said) > 1 else ""
    return Result("access", verdict, said[0] + more, remedy, alert)


def lasting(wiring: Wiring, at_ms: int | None = None) -> Iterator[Result]:
    """Say which members' tokens and Kafka users end within SOON, or ended as lately, and have no successor.

    One that was made for a shorter time is meant to end.
    """
    now = now_ms() if at_ms is None else at_ms
    ends = {**_tokens(wiring), **_users(wiring)}
    soon = {one: end for one, (issued, end) in ends.items() if end - issued > SOON_MS and abs(end - now) < SOON_MS}
    for (said, remedy), end in sorted(soon.items()):
        word = "ended" if end <= now else "ends"
        yield Result("credentials", Verdict.WARNING, f"{said} {word} at {at(end)}", remedy)
    if not soon:
        yield well("credentials", f"{len(ends)} of members, none about to end")


def _tokens(wiring: Wiring) -> dict[tuple[str, str], tuple[int, int]]:
    """Return issue and end of the token of each member and scope that lasts longest."""
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for one in wiring.tokens().issued():
        if one.revoked_ms is None:
            key = (
                f"the token of {one.member} for {one.scope}",
                f"penstock tokens issue {one.member} --scope {one.scope}",
            )
            found[key] = max(found.get(key, (0, 0)), (one.issued_ms, one.expires_ms), key=lambda span: span[1])
    return found


def _users(wiring: Wiring) -> dict[tuple[str, str], tuple[int, int]]:
    return {
        (f"the Kafka user {user}", f"penstock tokens issue {user.partition('.')[2]} --kafka"): span
        for user, span in wiring.credentials().spans().items()
    }
