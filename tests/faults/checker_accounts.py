"""Which committed transaction dealt with which input, by what audit records say."""

from collections.abc import Iterable

from checker_evidence import Audit, Evidence, Place

RELEASED = "released"

Owners = dict[str, dict[Place, Audit]]
"""By agreement and place: the committed transaction that dealt with it for good."""


def owners_in(evidence: Evidence) -> Owners:
    found: Owners = {key: {} for key in evidence.run.agreements}
    for audit in evidence.audits:
        for agreement in audit.said["agreements"] if audit.visible else ():
            found[agreement].update(dict.fromkeys(decided(audit, agreement), audit))
    return found


def decided(audit: Audit, agreement: str) -> Iterable[Place]:
    """Yield the places at which a transaction decided for an agreement, which it had not put aside there."""
    return (place for place in places(audit) if not audit.puts_aside(agreement, place[0]))


def places(audit: Audit) -> Iterable[Place]:
    return ((partition, offset) for partition, (first, end) in audit.ranges.items() for offset in range(first, end))


def spot(place: Place) -> str:
    return f"{place[0]}/{place[1]}"
