"""What an engine is told: one JSON file. Only the standard library, since engines live in environments of their own."""

import json
import signal
import sys
import threading
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class View:
    """One agreement's view. `predicate`: a field and the value that lets an event through."""

    agreement: str
    topic: str
    schema_id: int
    schema: dict[str, Any]
    fields: dict[str, dict[str, Any]]
    predicate: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """Which events to read, what to make of them, and how. `secret` and `warm` are for engines without a key store.

    `lane` and `number` are the exchange's lane and slot; `settings` the engine's own.
    """

    workload: str
    bootstrap: str
    topic: str
    partitions: int
    dataset: str
    schema: dict[str, Any]
    event_id: str
    record_key: str
    subject: str | None
    views: list[View]
    folder: str
    group: str = ""
    number: int = 0
    lane: int = 0
    warm: int = 0
    secret: str = ""
    audit: str = "penstock.audit"
    disclosures: str = "penstock.disclosures"
    settings: dict[str, Any] = field(default_factory=dict)

    def write(self, path: Path) -> Path:
        path.write_text(json.dumps(asdict(self)))
        return path


def read_order(path: str) -> Order:
    told = json.loads(Path(path).read_text())
    views = [View(**{**one, "predicate": tuple(one["predicate"] or ()) or None}) for one in told.pop("views")]
    return Order(**told, views=views)


def payee_id(number: int) -> str:
    """Return the identifier of a warm subject."""
    return f"payee-{number:07}"


def told() -> tuple[Order, threading.Event]:
    """Return this process's order and the event that a request to end sets."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return read_order(sys.argv[1]), stop
