"""The alerts as a file of Prometheus rules."""

from typing import Any

from ..block_yaml import block_yaml
from .alert import Alert, Recording
from .burn import RECORDINGS
from .erasure import ERASURE_ALERTS
from .flow import FLOW_ALERTS
from .pace import Pace
from .roles import ROLE_ALERTS

ALERTS: tuple[Alert, ...] = (*ROLE_ALERTS, *FLOW_ALERTS, *ERASURE_ALERTS)
HEAD = "# Written by `penstock alerts export`: change ops/alerts/, then export again.\n"


def rule_file(pace: Pace | None = None, docs: str = "") -> str:
    """Return the rules as Prometheus reads them.

    `docs` is put before each runbook's place: the address under which this repository can be read.
    """
    pace = pace or Pace()
    groups = [
        {"name": "penstock-freshness", "rules": [_recorded(one, pace) for one in RECORDINGS]},
        {"name": "penstock-roles", "rules": [_alerted(one, pace, docs) for one in ROLE_ALERTS]},
        {"name": "penstock-flow", "rules": [_alerted(one, pace, docs) for one in FLOW_ALERTS]},
        {"name": "penstock-erasure", "rules": [_alerted(one, pace, docs) for one in ERASURE_ALERTS]},
    ]
    return HEAD + block_yaml({"groups": groups})


def _recorded(recording: Recording, pace: Pace) -> dict[str, Any]:
    return {"record": recording.name, "expr": recording.expression(pace)}


def _alerted(alert: Alert, pace: Pace, docs: str) -> dict[str, Any]:
    return {
        "alert": alert.name,
        "expr": alert.expression(pace),
        **({"for": pace.hold(alert.hold_s)} if alert.hold_s else {}),
        "labels": {"severity": alert.severity},
        "annotations": {
            "summary": alert.summary,
            "description": alert.description,
            "runbook_url": docs + alert.runbook,
        },
    }
