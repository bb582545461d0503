"""Which role a word means."""

from collections.abc import Callable, Mapping
from pathlib import Path

from ...schemas.errors import ConfigurationError


def start(role: str, directory: Path, *, dataset: str, slot: int, lane: int, port: int | None, source: str) -> None:  # noqa: PLR0913 - the options of `run`
    """Run `role` until told to stop. Imports only what that role needs."""
    starters: Mapping[str, Callable[[], None]] = {
        "broker": lambda: _broker(directory),
        "gateway": lambda: _gateway(directory, port),
        "connectors": lambda: _connectors(directory, source),
        "exchange": lambda: _exchange(directory, dataset, slot, lane),
    }
    starter = starters.get(role)
    if starter is None:
        raise ConfigurationError(f"there is no role `{role}`", remedy="use " + ", ".join(starters))
    starter()


def _broker(directory: Path) -> None:
    from ..broker.role import run_broker

    run_broker(directory)


def _gateway(directory: Path, port: int | None) -> None:
    from .gateway import run_gateway

    run_gateway(directory, port)


def _connectors(directory: Path, source: str) -> None:
    from .connectors import run_connectors

    run_connectors(directory, source)


def _exchange(directory: Path, dataset: str, slot: int, lane: int) -> None:
    from .exchange import run_exchange

    if not dataset:
        raise ConfigurationError("an exchange serves one dataset", remedy="name it: --dataset ID")
    run_exchange(directory, dataset, slot, lane)
