"""`penstock explain`: what the documents would do with one event, field by field."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..processors.back_end import back_end
from ..processors.native.program import taken
from ..schemas.agreement import Agreement
from ..schemas.errors import ConfigurationError
from .clock import now_ms
from .documents.load import Documents, load
from .documents.scenario_text import EXPLAINED
from .rehearsal import Occasion, Rehearsal


def explained(directory: Path, agreement_id: str, event: Mapping[str, Any], *, consent: bool) -> Mapping[str, Any]:
    """Return whether the event would go, and why not or what would become of each field."""
    documents = load(directory)
    agreement = documents.agreements.get(agreement_id)
    if agreement is None:
        raise ConfigurationError(f"the documents have no agreement `{agreement_id}`", place=str(directory))
    decided = Rehearsal(documents).decide(agreement, event, Occasion(now_ms(), consent))
    said = {"agreement": agreement.id, "recipient": agreement.recipient}
    if decided.reason is not None:
        return {**said, "outcome": "withheld", "reason": decided.reason.value, "why": EXPLAINED[decided.reason]}
    fields = {path: safeguard.do for path, safeguard in agreement.fields.items()}
    return {**said, "outcome": "released", "fields": fields}


def view_code(documents: Documents, agreement: Agreement) -> str:
    """Return the compiled view program as text: back end, plan, and the Python that reads an event and makes the view.

    For events of the contract's own schema. It holds no secret: keys and randomness are arguments. Raises
    ConfigurationError where `ecosystem.yaml` names a back end that is not installed.
    """
    written = Rehearsal(documents).compiled(agreement)
    (view,) = written.views if written else (None,)
    if written is None or view is None:
        return "back end: slow (this view is decoded, made and encoded field by field)"
    chosen = back_end(documents.ecosystem.exchange.back_end)
    if chosen == "native" and not taken(documents.contracts[agreement.dataset], written, view):
        chosen = "python"  # the compiled one leaves this view to it
    return f"back end: {chosen}\n\n{view.plan}\n\n{written.source}\n\n{view.source}"


def sentences(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield what `explained` found as lines for people."""
    if found["outcome"] == "withheld":
        yield f"withheld ({found['reason']}): {found['why']}"
        return
    yield f"released to {found['recipient']}"
    for path, word in found["fields"].items():
        yield f"  {path}: {word}"
