"""`plan` for Kafka: where users and rules there are not what is in force wants; `apply` mends it."""

from collections.abc import Iterator

from ...processors.access_drift import Drift
from .plan import Change


def access_changes(found: Drift) -> list[Change]:
    """Return a line for each difference, what is too much first."""
    return [*_surplus(found), *_missing(found)]


def _surplus(found: Drift) -> Iterator[Change]:
    for rule in sorted(found.surplus):
        yield Change("drifted", "access", rule.principal, rule.kind, f"{rule}: nothing in force says so, it is taken")
    for user in sorted(found.surplus_users):
        yield Change("drifted", "access", user, "user", "can log in: nothing in force says so, it is taken")


def _missing(found: Drift) -> Iterator[Change]:
    for user in sorted(found.missing_users):
        yield Change("drifted", "access", user, "user", "cannot log in, and should: it is given")
    for rule in sorted(found.missing):
        yield Change("drifted", "access", rule.principal, rule.kind, f"{rule}: it is missing, and is given")
