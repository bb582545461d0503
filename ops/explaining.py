"""`penstock explain`: what the documents would do with one event, field by field."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..schemas.errors import ConfigurationError
from .documents.load import load
from .documents.scenario_text import EXPLAINED
from .rehearsal import Occasion, Rehearsal
from .wiring import now_ms


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


def sentences(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield what `explained` found as lines for people."""
    if found["outcome"] == "withheld":
        yield f"withheld ({found['reason']}): {found['why']}"
        return
    yield f"released to {found['recipient']}"
    for path, word in found["fields"].items():
        yield f"  {path}: {word}"
