"""The files that Grafana is provisioned with: a data source, where dashboards lie, the dashboards."""

from pathlib import Path
from typing import Any

from ..block_yaml import block_yaml
from .all import DASHBOARDS
from .grafana import to_json

HEAD = "# Written by `penstock dashboards export`: change ops/dashboards/, then export again.\n"
PROMETHEUS = "http://prometheus:9090"
IN_GRAFANA = "/var/lib/grafana/dashboards"


def grafana_files(prometheus: str = PROMETHEUS, folder: str = IN_GRAFANA) -> dict[Path, str]:
    """Return each file's text by its path.

    `prometheus` is its address as Grafana sees it, `folder` where Grafana finds the dashboards.
    """
    found = {Path("dashboards") / f"{one.uid}.json": to_json(one) for one in DASHBOARDS}
    found[Path("provisioning/datasources/penstock.yaml")] = HEAD + block_yaml(_datasource(prometheus))
    found[Path("provisioning/dashboards/penstock.yaml")] = HEAD + block_yaml(_provider(folder))
    return found


def _datasource(prometheus: str) -> dict[str, Any]:
    source = {
        "name": "Prometheus",
        "uid": "prometheus",
        "type": "prometheus",
        "access": "proxy",
        "url": prometheus,
        "isDefault": True,
        "jsonData": {"timeInterval": "10s"},
    }
    return {"apiVersion": 1, "datasources": [source]}


def _provider(folder: str) -> dict[str, Any]:
    provider = {
        "name": "Penstock",
        "folder": "Penstock",
        "type": "file",
        "allowUiUpdates": False,
        "options": {"path": folder},
    }
    return {"apiVersion": 1, "providers": [provider]}
