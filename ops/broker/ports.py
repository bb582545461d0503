"""Ports on loopback that nobody holds."""

import random
import socket

_BELOW_EPHEMERAL = range(20_000, 32_000)
"""Outgoing connections take their ports above: a broker that is down for a moment finds its own still free."""


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def pick_free(*, besides: int | None = None) -> int:
    for port in random.SystemRandom().sample(_BELOW_EPHEMERAL, 500):
        if port != besides and is_free(port):
            return port
    raise OSError("no free port on loopback between 20000 and 32000")
