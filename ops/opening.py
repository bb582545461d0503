"""Consents that an example brings along, for a demonstration: real ones come through `penstock consent`."""

from pathlib import Path

from ..processors.keys import subject_reference
from ..schemas.consent import ConsentRecord
from ..schemas.opening import OpeningConsents
from ..streams.consents import ConsentReader, ConsentWriter
from .clock import now_ms
from .documents.load import one_document
from .wiring import Wiring

FILE = "consents.yaml"


def bring_opening_consents(directory: Path, wiring: Wiring) -> int:
    """Write the consents of `consents.yaml` about which nothing has been said yet; return how many those were."""
    if not (directory / FILE).exists():
        return 0
    opening = one_document(directory, "consents", OpeningConsents)
    secret = wiring.key_store().reference_secret()
    reader = ConsentReader(wiring.cluster())
    try:
        reader.catch_up()
        said = [
            ConsentRecord(one.agreement, subject_reference(secret, one.subject), one.given, now_ms())
            for one in opening.consents
        ]
        new = [one for one in said if not reader.knows(one.agreement, one.subject)]
    finally:
        reader.close()
    if new:
        writer = ConsentWriter(wiring.cluster(), wiring.ecosystem.id)
        writer.write(new)
        writer.close()
    return len(new)
