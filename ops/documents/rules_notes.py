"""What is allowed and ought to be known: noise without a budget, what encryption links, what may single people out."""

from collections.abc import Iterator

from ...schemas.problem import Finding
from ...schemas.safeguard import Encrypt, Noise, Pass
from .pages import Case, Protected

NOISE_WARNING = "noise without a privacy budget: not yet differential privacy"
_FINE_TYPES = frozenset(("float", "double", "long", "bytes", "fixed"))
_FINE_TIMES = frozenset(("exact", "second", "minute"))


def note_findings(case: Case) -> Iterator[Finding]:
    """Yield warnings and notes about what the safeguards do not do."""
    yield from _noise(case)
    yield from _handles(case)
    yield from _near_unique(case)


def _noise(case: Case) -> Iterator[Finding]:
    for one in case.protected:
        if isinstance(one.safeguard, Noise):
            budget = case.agreement.privacy_budget
            remedy = "the stated budget is recorded, and nothing enforces it yet" if budget else "each release adds up"
            yield case.page.warning(one.key, NOISE_WARNING, remedy)


def _handles(case: Case) -> Iterator[Finding]:
    encrypted = [one for one in case.protected if isinstance(one.safeguard, Encrypt) and one.field.subject]
    if encrypted:
        message = "encrypted fields carry a key handle, which links the records of one data subject in this agreement"
        yield case.page.note(encrypted[0].key, message, "it says nothing across agreements")


def _near_unique(case: Case) -> Iterator[Finding]:
    """Yield one note that lists what can single a person out although nothing kept is an identifier."""
    if not case.contract.subject_paths:
        return
    kept = [f"`{one.leaf.path}`" for one in case.protected if isinstance(one.safeguard, Pass) and _is_fine(case, one)]
    if case.agreement.event_time in _FINE_TIMES:
        kept.append(f"event_time: {case.agreement.event_time}")
    if kept:
        message = f"nearly unique values are kept: {', '.join(kept)}"
        remedy = "who holds two views can align them by such values, whatever their pseudonyms; coarser ones help"
        yield case.page.note(("fields",), message, remedy)


def _is_fine(case: Case, one: Protected) -> bool:
    logical = one.leaf.logical or ""
    fine = logical.startswith(("timestamp", "local-timestamp", "uuid", "time")) or one.leaf.primitive in _FINE_TYPES
    return fine and one.leaf.path != case.contract.event_id
