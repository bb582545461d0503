"""The record of hand-outs of keys, told to people."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .store.hand_outs import HandOut
from .token_desk import at
from .wiring import Wiring


def hand_out_rows(directory: Path, agreement: str = "") -> list[Mapping[str, Any]]:
    """Return a row for each minute in which a recipient was handed keys, of one agreement or of all."""
    return [_row(one) for one in Wiring(directory).hand_outs().recorded(agreement)]


def _row(one: HandOut) -> dict[str, Any]:
    return {
        "when": at(one.first_ms),
        "last": at(one.last_ms),
        "agreement": one.agreement,
        "recipient": one.recipient,
        "sealing_key": one.sealing_key or "(unsealed)",
        "messages": one.messages,
        "asked": one.asked,
        "given": one.given,
    }
