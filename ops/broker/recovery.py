"""After a crash: lets the controller declare the dead broker dead before the new one starts.

A Kafka that was killed leaves its registration in the metadata log. Started again, it waits for that session to
run out, and meanwhile already serves as transaction coordinator for partitions that are about to lose their
leader. If it must finish a transaction in just that moment, Kafka 4.3.1 takes the leaderless partition for a
deleted one and drops the commit marker (KAFKA-20734): the transaction counts as committed, its records stay
invisible to read_committed readers for ever, and so does all that follows them. So the node first runs as a
controller alone, with a session of a few milliseconds: no coordinator, no window, and five times quicker.
"""

import os
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from ...schemas.errors import UnavailableError
from ..processes import dying_with_parent
from . import config
from .jvm import Jvm

_ENOUGH = 1 << 20
_STEP_S = 0.02


class Burial:
    """What a controller says in its log of the brokers it knows, line by line."""

    def __init__(self) -> None:
        self._standing = False
        self._active = False

    @property
    def done(self) -> bool:
        """Whether the controller is at work, and counts no broker as being there."""
        return self._active and not self._standing

    def hear(self, line: bytes) -> None:
        """Take in what the controller read in its log, or decided."""
        if b"BrokerRegistrationChangeRecord(" in line:
            # -1: from now on it counts as being there; 1: as away; 0: something else changed.
            self._standing = b"fenced=-1," in line or (self._standing and b"fenced=1," not in line)
        elif b"RegisterBrokerRecord(" in line:
            self._standing = b"fenced=false" in line
        elif b"Fencing broker" in line:
            self._standing = False
        elif b"Activated periodic tasks" in line:
            self._active = True


def bury_if_crashed(jvm: Jvm, root: Path, pairs: Mapping[str, str], timeout_s: float = 60.0) -> None:
    data = root / "data"
    if (data / "__cluster_metadata-0").exists() and not (data / ".kafka_cleanshutdown").exists():
        file = root / "recovery.properties"
        config.write_secret(file, config.render(config.controller_alone(pairs)))
        _run_until_buried(jvm.run(root, "kafka.Kafka", str(file)), data / "__cluster_metadata-0", timeout_s)


def _run_until_buried(command: list[str], log: Path, timeout_s: float) -> None:
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(
            dying_with_parent(command), stdin=subprocess.DEVNULL, stdout=said, stderr=said, process_group=0
        ) as controller,
    ):
        try:
            _await_burial(controller, said.fileno(), timeout_s)
            _await_append(controller, log, timeout_s)
            controller.terminate()
            controller.wait(timeout_s)
        finally:
            controller.kill()


def _await_burial(controller: subprocess.Popen[bytes], said: int, timeout_s: float) -> None:
    """Return when the controller counts the dead broker as away, however long a busy machine takes for that.

    To give up early would be to start the broker into the window that this closes.
    """
    burial, deadline, text, read = Burial(), time.monotonic() + timeout_s, b"", 0
    while not burial.done:
        fresh = os.pread(said, _ENOUGH, read)
        read += len(fresh)
        *lines, text = (text + fresh).split(b"\n")
        for line in lines:
            burial.hear(line)
        if not fresh:
            _require_time(controller, deadline, os.pread(said, 500, max(0, read - 500)))


def _await_append(controller: subprocess.Popen[bytes], log: Path, timeout_s: float) -> None:
    """Return when what was decided is in the metadata log: it grows every half second, by idle records at least."""
    before, deadline = _size(log), time.monotonic() + timeout_s
    while _size(log) == before:
        _require_time(controller, deadline, b"its log does not grow")


def _size(log: Path) -> int:
    return sum(file.stat().st_size for file in log.glob("*.log"))


def _require_time(controller: subprocess.Popen[bytes], deadline: float, said: bytes) -> None:
    """Wait a moment. Raises UnavailableError when the time is over or the controller has ended."""
    if time.monotonic() >= deadline or controller.poll() is not None:
        raise UnavailableError(f"Kafka's controller could not recover after a crash: {said.decode(errors='replace')}")
    time.sleep(_STEP_S)
