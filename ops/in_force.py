"""What is in force, told to people."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..schemas.errors import ConfigurationError
from ..schemas.generation import AgreementInForce, Generation, agreement_record
from ..streams.control import ControlReader
from ..streams.lanes import lane_states
from .wiring import Wiring


def generation_in_force(wiring: Wiring) -> Generation:
    """Return what is in force. Raises ConfigurationError when nothing is."""
    reader = ControlReader(wiring.cluster())
    try:
        reader.catch_up()
        return reader.in_force()
    finally:
        reader.close()


def generation_or_none(wiring: Wiring) -> Generation | None:
    """Return what is in force, None before the first `apply`."""
    reader = ControlReader(wiring.cluster())
    try:
        return reader.catch_up()
    finally:
        reader.close()


def agreements_in_force(directory: Path) -> list[Mapping[str, Any]]:
    """Return a row for each agreement."""
    wiring = Wiring(directory)
    generation = generation_in_force(wiring)
    behind = why_behind(wiring, generation)
    return [
        {**_row(held), "behind": ", ".join(sorted(behind.get(key, ())))}
        for key, held in sorted(generation.agreements.items())
    ]


def why_behind(wiring: Wiring, generation: Generation) -> Mapping[str, set[str]]:
    """Return, of agreements that are behind on some partition, why: `parked` with what failed, `suspended`, `start`."""
    topics = {one.contract.topic for one in generation.contracts.values()}
    found: dict[str, set[str]] = {}
    for state in lane_states(wiring.cluster()):
        if state.behind and state.topic in topics:
            why = f"{state.reason} ({state.error})" if state.error else state.reason
            found.setdefault(state.agreement, set()).add(why)
    return found


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
