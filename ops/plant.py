"""The roles of one machine as processes: which commands, in which order, ready when."""

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ..schemas.ecosystem import NamedCluster
from ..schemas.lanes import slot_name
from .broker.probe import broker_answers
from .broker.storage import lock_holder
from .documents.load import Documents
from .health import health_of
from .home import Home
from .places import lanes_wanted
from .processes import read_status
from .supervisor import RoleCommand
from .targets import list_targets

READY_S = 1.0


def commands(documents: Documents, home: Home) -> list[RoleCommand]:
    """Return the roles that an ecosystem needs, in the order of their start."""
    found = []
    if not isinstance(documents.ecosystem.cluster, NamedCluster) and not broker_runs(home):
        found.append(_command(home, "broker", ["broker"], lambda: _broker_ready(home)))
    found.append(_command(home, "gateway", ["gateway"], lambda: _gateway_ready(home)))
    found += [
        _exchange(home, dataset, lane)
        for dataset, lanes in sorted(lanes_wanted(home, documents).items())
        for lane in range(lanes)
    ]
    found += [
        _command(home, f"connectors-{source.id}", ["connectors", "--source", source.id])
        for source in documents.connectors.sources
    ]
    return found


def _command(home: Home, name: str, role: list[str], ready: Callable[[], bool] | None = None) -> RoleCommand:
    argv = [sys.executable, "-m", "penstock", "run", role[0], str(home.root), *role[1:]]
    env = {**os.environ, "PYTHONUNBUFFERED": "1"}
    return RoleCommand(name, argv, env, home.run / f"{name}.log", ready)


def _exchange(home: Home, dataset: str, lane: int) -> RoleCommand:
    which = ["--lane", str(lane)] if lane else []
    return replace(
        _command(home, slot_name(dataset, 0, lane), ["exchange", "--dataset", dataset, *which]), from_spare=True
    )


def _broker_ready(home: Home) -> bool:
    facts = read_status(home.run / "broker.json")
    return facts is not None and broker_answers(str(facts["bootstrap"]))


def _gateway_ready(home: Home) -> bool:
    facts = read_status(home.run / "gateway.json") or {}
    said = health_of(int(facts.get("port", 0)), READY_S)
    # What stands in the file may be of an earlier run.
    return said.get("state") == "running" and said.get("pid") == facts.get("pid")


def forget(home: Home) -> None:
    """Remove status files of roles that ran before, so that nobody takes them for the present ones."""
    kept = {"gateway.json"}  # it remembers the port
    if broker_runs(home):
        kept.add("broker.json")
    for path in home.run.glob("*.json"):
        if path.name not in kept:
            path.unlink(missing_ok=True)
    list_targets(home.run)


def broker_runs(home: Home) -> bool:
    """Say whether the ecosystem's Kafka runs already, left by `penstock broker start`."""
    return lock_holder(home.broker) is not None


def log_of(home: Home, name: str) -> Path:
    return home.run / f"{name}.log"
