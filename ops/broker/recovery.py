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

_APPEND_LINGER_S = 0.2
"""The controller writes its records 25 ms after it decided."""

_ENOUGH = 1 << 20


def bury_if_crashed(jvm: Jvm, root: Path, pairs: Mapping[str, str], timeout_s: float = 30.0) -> None:
    data = root / "data"
    if (data / "__cluster_metadata-0").exists() and not (data / ".kafka_cleanshutdown").exists():
        file = root / "recovery.properties"
        config.write_secret(file, config.render(config.controller_alone(pairs)))
        _run_until_buried(jvm.run(root, "kafka.Kafka", str(file)), timeout_s)


def _run_until_buried(command: list[str], timeout_s: float) -> None:
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(
            dying_with_parent(command), stdin=subprocess.DEVNULL, stdout=said, stderr=said, process_group=0
        ) as controller,
    ):
        try:
            _await_burial(controller, said.fileno(), timeout_s)
            time.sleep(_APPEND_LINGER_S)
            controller.terminate()
            controller.wait(timeout_s)
        finally:
            controller.kill()


def _await_burial(controller: subprocess.Popen[bytes], said: int, timeout_s: float) -> None:
    """Returns when the controller fenced the dead broker, or had a second to and found none to fence."""
    now = time.monotonic()
    deadline, active_until = now + timeout_s, now + timeout_s
    while True:
        text = os.pread(said, _ENOUGH, 0)
        now = time.monotonic()
        if b"Activated periodic tasks" in text:
            active_until = min(active_until, now + 1)
        if b"Fencing broker" in text or active_until < now < deadline:
            return
        if now >= deadline or controller.poll() is not None:
            raise UnavailableError(
                f"Kafka's controller could not recover after a crash: {text.decode(errors='replace')[-500:]}"
            )
        time.sleep(0.02)
