"""`penstock broker start | stop | status`: an ecosystem's broker that outlives the command that started it."""

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from ...schemas.errors import PenstockError, UnavailableError
from ..home import Home
from ..processes import is_running
from .embedded import EmbeddedBroker, explained, install
from .probe import broker_answers
from .role import STATUS_FILE
from .storage import lock_holder


def status(ecosystem_dir: Path) -> dict[str, Any]:
    """`state` (running, not answering, stopped) and, unless stopped, pid, bootstrap, log, replicas.

    The lock decides, not a file; so a broker that `penstock up` runs is seen, and one that crashed is not.
    """
    root = Home(ecosystem_dir).broker
    holder = lock_holder(root)
    if holder is None:
        return {"state": "stopped"}
    broker = EmbeddedBroker(root)
    state = "running" if broker_answers(broker.bootstrap) else "not answering"
    return {"state": state, "pid": holder, "bootstrap": broker.bootstrap, "log": str(broker.log), "replicas": 1}


def start_detached(ecosystem_dir: Path, timeout_s: float = 60.0) -> str:
    """Starts the broker unless one runs already; returns `host:port` once it answers."""
    launched = None
    if lock_holder(Home(ecosystem_dir).broker) is None:
        install()  # here, where its progress is seen
        launched = _launch(ecosystem_dir)
    deadline = time.monotonic() + timeout_s
    while (now := status(ecosystem_dir))["state"] != "running":
        if now["state"] == "stopped" and (launched is None or not is_running(launched)):
            raise _did_not_start(ecosystem_dir, "Kafka ended before it answered")
        if time.monotonic() > deadline:
            raise _did_not_start(ecosystem_dir, f"Kafka did not answer within {timeout_s:.0f} s")
        time.sleep(0.05)
    return str(now["bootstrap"])


def stop_detached(ecosystem_dir: Path, timeout_s: float = 20.0) -> bool:
    """Stops the broker cleanly, after `timeout_s` hard; False if none ran."""
    root = Home(ecosystem_dir).broker
    holder = lock_holder(root)
    if holder is not None:
        os.kill(holder, signal.SIGTERM)
        if not _ended(root, timeout_s):
            os.kill(holder, signal.SIGKILL)
            _ended(root, timeout_s)
    (Home(ecosystem_dir).run / STATUS_FILE).unlink(missing_ok=True)
    return holder is not None


def _ended(root: Path, timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while lock_holder(root) is not None:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _launch(ecosystem_dir: Path) -> int:
    """The role in a session of its own, its output in the broker's logs."""
    logs = Home(ecosystem_dir).broker / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    write = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    return os.posix_spawn(
        sys.executable,
        [sys.executable, "-m", "penstock.ops.broker.role", str(Path(ecosystem_dir).resolve())],
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(logs / "broker.out"), write, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )


def _did_not_start(ecosystem_dir: Path, why: str) -> PenstockError:
    root = Home(ecosystem_dir).broker
    said = (root / "logs" / "broker.out").read_text(encoding="utf-8", errors="replace").strip()
    last = said.rpartition("\n")[2]
    if last.startswith("penstock: "):  # the role's own words: it ended before it became Kafka
        return UnavailableError(last.removeprefix("penstock: "))
    return explained(UnavailableError(why, place=str(root)), root)
