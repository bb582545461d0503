"""What is in force, told to people."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..schemas.errors import ConfigurationError
from ..schemas.generation import AgreementInForce, Generation, agreement_record
from ..streams.control import ControlReader
from .wiring import Wiring


def generation_in_force(wiring: Wiring) -> Generation:
    """Return what is in force. Raises ConfigurationError when nothing is."""
    reader = ControlReader(wiring.cluster())
    try:
        reader.catch_up()
        return reader.in_force()
    finally:
        reader.close()


def agreements_in_force(directory: Path) -> list[Mapping[str, Any]]:
    """Return a row for each agreement."""
    generation = generation_in_force(Wiring(directory))
    return [_row(held) for _, held in sorted(generation.agreements.items())]


def agreement_in_force(directory: Path, agreement: str) -> str:
    """Return an agreement's text as it is in force, as JSON."""
    held = held_agreement(generation_in_force(Wiring(directory)), agreement)
    return json.dumps({**_row(held), "text": agreement_record(held.agreement)}, indent=2, ensure_ascii=False)


def held_agreement(generation: Generation, agreement: str) -> AgreementInForce:
    """Return an agreement of a generation. Raises ConfigurationError when it has none of that id."""
    held = generation.agreements.get(agreement)
    if held is None:
        raise ConfigurationError(f"no agreement `{agreement}` is in force", remedy="penstock agreements list")
    return held


def _row(held: AgreementInForce) -> dict[str, Any]:
    one = held.agreement
    return {
        "agreement": one.id,
        "provider": one.provider,
        "recipient": one.recipient,
        "dataset": one.dataset,
        "status": held.status,
        "signed": "signed" if held.signed else "UNSIGNED",
        "valid_until": one.valid.until.isoformat(),
        "view": held.view_topic,
    }
