"""What lies in a broker's directory: `server.properties`, `logging.properties`, `data/`, `logs/`, `lock`."""

import base64
import contextlib
import fcntl
import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from ...schemas.errors import ConfigurationError
from . import config
from .jvm import Jvm


def configure(root: Path, port: int, controller_port: int, extra: Mapping[str, str]) -> dict[str, str]:
    """Writes what Kafka is told; returns it too."""
    (root / "logs").mkdir(parents=True, exist_ok=True)
    pairs = config.properties(root / "data", port, controller_port, extra)
    config.write_secret(root / "server.properties", config.render(pairs))
    (root / "logging.properties").write_text(config.logging_properties(root / "logs"), encoding="utf-8")
    return pairs


def format_once(
    jvm: Jvm,
    root: Path,
    pairs: Mapping[str, str],
    users: Mapping[str, str] | None = None,
    cluster_id: str | None = None,
) -> bool:
    """Formats beside `data` and renames, so that storage is formatted whole or not at all; False if it was before.

    `users`, with their passwords, are in it from the start. Nodes of one cluster share a `cluster_id`.
    """
    if (root / "data").exists():
        return False
    fresh = root / "data.new"
    shutil.rmtree(fresh, ignore_errors=True)
    file = root / "format.properties"
    config.write_secret(file, config.render({**pairs, "log.dirs": str(fresh)}))
    tool = ["kafka.tools.StorageTool", "format", "--config", str(file), "--cluster-id", cluster_id or new_cluster_id()]
    for user, password in (users or {}).items():
        tool += ["--add-scram", f"SCRAM-SHA-512=[name={user},password={password}]"]
    done = _run(jvm, root, tool)
    file.unlink(missing_ok=True)
    if done.returncode != 0:
        raise ConfigurationError(
            f"Kafka's storage cannot be formatted: {_first_complaint(done.stdout + done.stderr)}",
            place=str(root),
            remedy="check the broker's settings and the file system",
        )
    fresh.rename(root / "data")
    return True


def _run(jvm: Jvm, root: Path, tool: list[str]) -> "subprocess.CompletedProcess[str]":
    """Runs a tool of Kafka's with its arguments in a file: on a command line every user of the machine could read."""
    arguments = root / "arguments"
    config.write_secret(arguments, "".join(f'"{one}"\n' for one in (_quoted(word) for word in tool)))
    try:
        return subprocess.run(jvm.run(root, f"@{arguments}"), capture_output=True, text=True, check=False)
    finally:
        arguments.unlink(missing_ok=True)


def _quoted(word: str) -> str:
    """A word as Java's argument files want it between double quotes."""
    return word.replace("\\", "\\\\").replace('"', '\\"')


def _first_complaint(said: str) -> str:
    lines = [line for line in said.strip().splitlines() if "scram" not in line.lower()]  # that one quotes what it made
    return next((line for line in lines if "Exception" in line or "error" in line.lower()), "\n".join(lines)[-500:])


def take_lock(root: Path, patience_s: float = 2.0) -> IO[str]:
    """The lock on a broker's directory, for whoever inherits its file descriptor too.

    Waits a moment: a broker told to stop just now may still be closing its files.
    """
    lock = (root / "lock").open("a+", encoding="ascii")
    deadline = time.monotonic() + patience_s
    while not _locked(lock):
        if time.monotonic() > deadline:
            lock.close()
            raise ConfigurationError(
                f"another broker (process {lock_holder(root)}) runs on this data",
                place=str(root),
                remedy="use that one, or stop it first: penstock broker stop",
            )
        time.sleep(0.05)
    name_holder(lock, os.getpid())
    return lock


def _locked(lock: IO[str], kind: int = fcntl.LOCK_EX) -> bool:
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
        return True
    return False


def name_holder(lock: IO[str], pid: int) -> None:
    """Writes who holds the lock, for messages and for `penstock broker stop`."""
    lock.truncate(0)
    lock.write(f"{pid}\n")
    lock.flush()


def lock_holder(root: Path) -> int | None:
    """The process that runs a broker on `root`; None if none does, whatever its files say."""
    try:
        with (root / "lock").open(encoding="ascii") as lock:
            return None if _locked(lock, fcntl.LOCK_SH) else int(lock.read())
    except (FileNotFoundError, ValueError):  # ValueError: taken just now, not named yet
        return None


def new_cluster_id() -> str:
    """Kafka's form of a UUID; one that begins with `-` would be read as an option."""
    name = "-"
    while name.startswith("-"):
        name = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    return name
