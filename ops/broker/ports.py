"""Ports on loopback, chosen once per broker and kept while nobody else takes them."""

import json
import random
import socket
from pathlib import Path

from ...schemas.errors import ConfigurationError, UnavailableError

RANGE = range(20_000, 32_000)
"""Outgoing connections take their ports above: a broker that is down for a moment finds its own still free."""


def choose(root: Path, wanted: int | None = None) -> tuple[int, int]:
    """The broker's and the controller's port: those of last time where still free, so that clients find them."""
    if wanted is not None and not is_free(wanted):
        raise ConfigurationError(
            f"port {wanted} is taken by another program",
            place=f"127.0.0.1:{wanted}",
            remedy="stop that program or name another port",
        )
    kept_port, kept_controller = kept(root)
    port = wanted or _free_or_new(kept_port, besides=None)
    controller = _free_or_new(kept_controller, besides=port)
    (root / "ports.json").write_text(json.dumps([port, controller]), encoding="utf-8")
    return port, controller


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Java does: TIME_WAIT is no hindrance
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def kept(root: Path) -> tuple[int | None, int | None]:
    """The broker's and the controller's port of last time."""
    try:
        port, controller = json.loads((root / "ports.json").read_text(encoding="utf-8"))
        return int(port), int(controller)
    except (OSError, ValueError, TypeError):
        return None, None


def _free_or_new(before: int | None, *, besides: int | None) -> int:
    if before is not None and before != besides and is_free(before):
        return before
    for port in random.SystemRandom().sample(RANGE, 500):
        if port != besides and is_free(port):
            return port
    raise UnavailableError(
        f"no free port between {RANGE.start} and {RANGE.stop}", place="127.0.0.1", remedy="name one that is free"
    )
