"""Evidence for people: disclosures of a data subject, and what lies in quarantine."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..processors.keys import subject_reference
from ..processors.quarantine import open_quarantined, quarantine_scope
from ..schemas.errors import ConfigurationError, KeyUnavailableError
from ..schemas.versioned import unpack
from ..streams.reader import Framed, TopicReader
from ..streams.topics import DISCLOSURES, quarantine_topic
from .in_force import generation_in_force
from .wiring import Wiring


def disclosures_of(directory: Path, identifier: str) -> list[Mapping[str, Any]]:
    """Return a row for each agreement and event that concerned the data subject, in the order of the log."""
    wiring = Wiring(directory)
    subject = subject_reference(wiring.key_store().reference_secret(), identifier)
    agreements = generation_in_force(wiring).agreements
    return [
        {
            "when": _when(told["at_ms"]),
            "dataset": told["dataset"],
            "agreement": agreement,
            "recipient": agreements[agreement].agreement.recipient if agreement in agreements else "",
            "decision": decision,
            "event": told["source"],
        }
        for record in _all(wiring, DISCLOSURES)
        if record.key == subject
        for told in [unpack(record.value)]
        for agreement, decision in sorted(told["decisions"].items())
    ]


def quarantined(directory: Path) -> list[Mapping[str, Any]]:
    """Return a row for each refused record of every dataset; nothing is opened."""
    wiring = Wiring(directory)
    return [
        {"dataset": dataset, "offset": record.offset, "when": _when(record.appended_ms), **_said(record)}
        for dataset in sorted(generation_in_force(wiring).contracts)
        for record in _all(wiring, quarantine_topic(dataset))
    ]


def open_one(directory: Path, dataset: str, offset: int) -> Mapping[str, Any]:
    """Return what a refused record says, bytes as hexadecimal.

    Raises ConfigurationError when there is none at `offset`.
    """
    wiring = Wiring(directory)
    record = next((one for one in _all(wiring, quarantine_topic(dataset)) if one.offset == offset), None)
    if record is None or record.value is None:
        raise ConfigurationError(f"no record at offset {offset}", place=quarantine_topic(dataset))
    store = wiring.key_store()

    def key(handle: bytes) -> bytes:
        found = store.open_keys(quarantine_scope(dataset), [handle]).get(handle)
        if found is None:
            raise KeyUnavailableError("the key of this record is gone", remedy="its data subject was erased")
        return found

    opened = open_quarantined(record.value, dataset, key)
    return {name: value.hex() if isinstance(value, bytes) else value for name, value in opened.items()}


def _said(record: Framed) -> dict[str, str]:
    said = {name.removeprefix("penstock."): value.decode(errors="replace") for name, value in record.headers}
    said.pop("dataset", None)
    return said


def _all(wiring: Wiring, topic: str) -> Iterator[Framed]:
    reader = TopicReader(wiring.cluster(), topic)
    try:
        yield from reader.to_end()
    finally:
        reader.close()


def _when(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
