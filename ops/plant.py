"""The roles of one machine as processes: which commands, in which order, ready when."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

from ..schemas.ecosystem import NamedCluster
from .broker.probe import broker_answers
from .broker.storage import lock_holder
from .documents.load import Documents
from .health import ask
from .home import Home
from .processes import read_status
from .supervisor import RoleCommand

READY_S = 1.0


def commands(documents: Documents, home: Home) -> list[RoleCommand]:
    """Return the roles that an ecosystem needs, in the order of their start."""
    found = []
    if not isinstance(documents.ecosystem.cluster, NamedCluster) and not broker_runs(home):
        found.append(_command(home, "broker", ["broker"], lambda: _broker_ready(home)))
    found.append(_command(home, "gateway", ["gateway"], lambda: _gateway_ready(home)))
    found += [
        _command(home, f"exchange-{dataset}-0", ["exchange", "--dataset", dataset])
        for dataset in sorted(documents.contracts)
    ]
    if documents.connectors.sources:
        found.append(_command(home, "connectors", ["connectors"]))
    return found


def _command(home: Home, name: str, role: list[str], ready: Callable[[], bool] | None = None) -> RoleCommand:
    argv = [sys.executable, "-m", "penstock", "run", role[0], str(home.root), *role[1:]]
    env = {**os.environ, "PYTHONUNBUFFERED": "1"}
    return RoleCommand(name, argv, env, home.run / f"{name}.log", ready)


def _broker_ready(home: Home) -> bool:
    facts = read_status(home.run / "broker.json")
    return facts is not None and broker_answers(str(facts["bootstrap"]))


def _gateway_ready(home: Home) -> bool:
    port = str((read_status(home.run / "gateway.json") or {}).get("url", "")).rpartition(":")[2]
    answer = ask(int(port), "/v1/health", READY_S) if port.isdigit() else None
    return answer is not None and answer[0] == 200


def forget(home: Home) -> None:
    """Remove status files of roles that ran before, so that nobody takes them for the present ones."""
    kept = {"gateway.json"}  # it remembers the port
    if broker_runs(home):
        kept.add("broker.json")
    for path in home.run.glob("*.json"):
        if path.name not in kept:
            path.unlink(missing_ok=True)


def broker_runs(home: Home) -> bool:
    """Say whether the ecosystem's Kafka runs already, left by `penstock broker start`."""
    return lock_holder(home.broker) is not None


def log_of(home: Home, name: str) -> Path:
    return home.run / f"{name}.log"
