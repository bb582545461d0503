"""Consents as a person records them: from identifiers to keyed references, nothing else is kept."""

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from ..processors.keys import subject_reference
from ..schemas.consent import ConsentRecord
from ..schemas.errors import ConfigurationError
from ..streams.consents import ConsentReader, ConsentWriter
from ..streams.control import ControlReader
from ..streams.settling import Change, Settled, Settling, Tell
from .clock import now_ms
from .wiring import Wiring


def record(
    directory: Path, agreement: str, identifiers: list[str], *, given: bool, tell: Tell | None = None
) -> Settled:
    """Commit what data subjects said about an agreement; return when every worker of its dataset acts on it.

    Raises ConfigurationError for an agreement that is not in force or needs no consent.
    """
    wiring = Wiring(directory)
    cluster, dataset = wiring.cluster(), _needs_consent(wiring, agreement)
    secret = wiring.key_store().reference_secret()
    records = [ConsentRecord(agreement, subject_reference(secret, one), given, now_ms()) for one in identifiers]
    with closing(Settling(cluster)) as seen, closing(ConsentWriter(cluster, wiring.ecosystem.id)) as writer:
        return seen.settle(Change(frozenset((dataset,)), consent_offset=writer.write(records)), tell)


def said_by(directory: Path, identifier: str) -> list[Mapping[str, Any]]:
    """Return what a data subject has said, by agreement."""
    wiring = Wiring(directory)
    subject = subject_reference(wiring.key_store().reference_secret(), identifier)
    reader = ConsentReader(wiring.cluster())
    try:
        reader.catch_up()
        return [
            {"agreement": agreement, "consent": "given" if subject in reader.given[agreement] else "withdrawn"}
            for agreement in sorted(reader.given)
            if reader.knows(agreement, subject)
        ]
    finally:
        reader.close()


def _needs_consent(wiring: Wiring, agreement: str) -> str:
    """Return the dataset of an agreement that needs consent."""
    control = ControlReader(wiring.cluster())
    try:
        generation = control.catch_up()
    finally:
        control.close()
    held = generation.agreements.get(agreement) if generation else None
    if held is None:
        raise ConfigurationError(f"no agreement `{agreement}` is in force", remedy="penstock agreements list")
    if held.agreement.consent == "not-required":
        raise ConfigurationError(f"`{agreement}` needs no consent", remedy="its legal basis is another")
    return held.agreement.dataset
