"""Where Prometheus finds the roles: a file in the form of its `file_sd_configs`, kept by the roles themselves."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..schemas.errors import ConfigurationError, PenstockError
from .documents.load import ecosystem_of
from .home import Home
from .processes import is_running, read_status

FILE = "prometheus-targets.json"
_LOCK = ".targets.lock"


def targets(run: Path) -> list[dict[str, Any]]:
    """Return a target for each role that ran here and was not taken off on purpose, whether it answers or not."""
    ecosystem = _ecosystem(run)
    files = (read_status(path) or {} for path in sorted(run.glob("*.json")) if path.name != FILE)
    return [_target(facts, ecosystem) for facts in files if "role" in facts and "port" in facts]


def list_targets(run: Path) -> None:
    """Write the file anew: after a role began, or was taken off."""
    with _alone(run):
        _write(run, targets(run))


def withdraw(run: Path) -> None:
    """Empty the file: everything was stopped on purpose, and nobody is to be called."""
    with _alone(run):
        _write(run, [])


def forget_role(run: Path, role: str) -> None:
    """Take a role off. Raises ConfigurationError for one that runs, or never ran here."""
    facts = read_status(run / f"{role}.json")
    if facts is None or "port" not in facts:
        raise ConfigurationError(f"no role `{role}` ever ran here", remedy="penstock metrics targets DIR lists them")
    if is_running(int(facts["pid"])):
        raise ConfigurationError(f"the role `{role}` runs", remedy="stop it first")
    (run / f"{role}.json").unlink(missing_ok=True)
    list_targets(run)


def _target(facts: dict[str, Any], ecosystem: str) -> dict[str, Any]:
    role = str(facts["role"])
    labels = {"role": role, "kind": role.partition("-")[0], "ecosystem": ecosystem}
    return {"targets": [f"127.0.0.1:{facts['port']}"], "labels": labels}


def _ecosystem(run: Path) -> str:
    try:
        return ecosystem_of(run.parent.parent).id
    except PenstockError:
        return ""  # a role that runs says what is wrong with the document


def _write(run: Path, found: list[dict[str, Any]]) -> None:
    fresh = run / f".{FILE}.{os.getpid()}"
    fresh.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    fresh.replace(run / FILE)


@contextmanager
def _alone(run: Path) -> Iterator[None]:
    """Let one process at a time read the status files and write: else the later writer may know less."""
    run.mkdir(parents=True, exist_ok=True)
    with (run / _LOCK).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def prometheus_config(file: Path, *, scrape_seconds: int = 15, rules: tuple[str, ...] = ()) -> str:
    """Return a `prometheus.yml` that scrapes the roles that `file` lists, job `penstock`."""
    lines = [
        "global:",
        f"  scrape_interval: {scrape_seconds}s",
        f"  evaluation_interval: {scrape_seconds}s",
        *(["rule_files:", *(f"  - {json.dumps(rule)}" for rule in rules)] if rules else []),
        "scrape_configs:",
        "  - job_name: penstock",
        "    file_sd_configs:",
        f"      - files: [{json.dumps(str(file))}]",
        "        refresh_interval: 30s",
    ]
    return "\n".join(lines) + "\n"


def targets_file(directory: Path) -> Path:
    """Return where an ecosystem's targets stand."""
    return Home(directory.resolve()).run / FILE
