"""A scenario's result as Given/When/Then sentences, and every reason in one plain sentence."""

from collections.abc import Mapping
from typing import Any

from ...schemas.reasons import Reason
from .scenarios import ABSENT, ScenarioResult, literal

EXPLAINED: Mapping[Reason, str] = {
    Reason.NOT_IN_FORCE: "the agreement was not put in force, or was terminated.",
    Reason.NOT_YET_VALID: "the agreement has not begun yet.",
    Reason.EXPIRED: "the agreement has ended.",
    Reason.SUSPENDED: "the agreement is suspended for now.",
    Reason.PURPOSE: "the charter does not permit the agreement's purpose.",
    Reason.LEGAL_BASIS: "the charter does not permit a legal basis that the agreement relies on.",
    Reason.PLACE: "the recipient processes data in a place that is neither agreed nor covered by a transfer mechanism.",
    Reason.CONSENT: "the agreement needs the data subject's consent, and there is none.",
    Reason.PREDICATE: "the record is not among those that the agreement covers.",
    Reason.PREDICATE_ERROR: "whether the agreement covers the record could not be found out.",
    Reason.KEY_UNAVAILABLE: "a key that is needed to protect the record could not be had.",
    Reason.PRIVACY_BUDGET: "the privacy budget is spent.",
    Reason.PARKED: "the record is put aside: the agreement is behind, and will decide it when it catches up.",
}
"""Every reason in one plain sentence; `docs/agreements.md` says the same."""

_WORDS = {
    ABSENT: "is absent",
    "encrypted": "can be read only with its key",
    "pseudonym": "is a pseudonym",
    "noisy": "carries noise",
}


def sentences(result: ScenarioResult) -> list[str]:
    """Return a result as Given/When/Then sentences that a lawyer reads."""
    scenario = result.scenario
    given, then = scenario.given, scenario.then
    consent = {
        "given": "the data subject has consented",
        "withdrawn": "the data subject has withdrawn consent",
        "none": "the data subject has given no consent",
    }[given.consent]
    lines = [
        f"{'PASS' if result.passed else 'FAIL'}  {scenario.scenario}",
        f"  Given the agreement {scenario.agreement} on {given.at:%d %B %Y at %H:%M %Z}",
        f"  and {consent},",
        f"  when an event arrives with {_listed(list(given.event))},",
    ]
    if then.reason is not None:
        lines.append(f"  then it is withheld: {EXPLAINED[then.reason]}")
    elif not then.fields:
        lines.append("  then it is released.")
    else:
        lines.append("  then it is released, and in the recipient's view")
        lines += [f"    {path} {_expectation(said)}" for path, said in then.fields.items()]
    return [*lines, *(f"  BUT {mismatch}" for mismatch in result.mismatches)]


def _listed(names: list[str], most: int = 6) -> str:
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more fields" if len(names) > most else shown


def _expectation(said: Any) -> str:
    if isinstance(said, str) and said in _WORDS:
        return _WORDS[said]
    return f"is {literal(said)}"
