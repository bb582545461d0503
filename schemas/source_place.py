"""What a connector is made from: its part of `connectors.yaml`, the contract it feeds, and what it may ask of us."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .contract import DataContract
from .edge_observer import EdgeObserver, Unwatched
from .ports import Doorkeeper, Receipts


@dataclass(frozen=True, slots=True)
class SourcePlace:
    """Handed to the factory that an entry point names.

    `id`, `path`, `format` and `options` are the source's own words in `connectors.yaml`; `root` is the ecosystem's
    directory; `contract` is the one in force. `secret` returns the value of an environment variable and raises
    ConfigurationError when it is not set: options name variables, never secrets.
    """

    id: str
    root: Path
    path: str | None
    format: str
    options: Mapping[str, Any]
    contract: DataContract
    secret: Callable[[str], str]
    doors: Doorkeeper
    receipts: Receipts
    clock: Callable[[], int] = field(repr=False)
    """Milliseconds since the epoch."""
    edge: EdgeObserver = field(default_factory=Unwatched, repr=False)
    """Who listens to what happens at this source's edge."""
