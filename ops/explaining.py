"""`penstock explain`: what the documents would do with one event, field by field."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..schemas.errors import ConfigurationError
from .documents.load import load
from .documents.scenario_text import EXPLAINED
from .rehearsal import Occasion, Rehearsal
from .wiring import now_ms


def explained(directory: Path, agreement_id: str, event: Mapping[str, Any], *, consent: bool) -> Iterator[str]:
    """Yield lines that say whether the event would go, and what would become of each field."""
    documents = load(directory)
    agreement = documents.agreements.get(agreement_id)
    if agreement is None:
        raise ConfigurationError(f"the documents have no agreement `{agreement_id}`", place=str(directory))
    decided = Rehearsal(documents).decide(agreement, event, Occasion(now_ms(), consent))
    if decided.reason is not None:
        yield f"withheld ({decided.reason}): {EXPLAINED[decided.reason]}"
        return
    yield f"released to {agreement.recipient}"
    for path, safeguard in agreement.fields.items():
        yield f"  {path}: {safeguard.do}"
