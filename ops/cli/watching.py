"""`dashboards` and `alerts`: what Grafana and Prometheus are given."""

from pathlib import Path
from typing import Annotated

import typer

from .common import AsJson, say, show

dashboards = typer.Typer(help="Dashboards for Grafana.", no_args_is_help=True)
alerts = typer.Typer(help="Alert rules for Prometheus.", no_args_is_help=True)
To = Annotated[Path, typer.Argument(metavar="DIR", help="Where the files go; made if missing.", file_okay=False)]


def add_to(app: typer.Typer) -> None:
    app.add_typer(dashboards, name="dashboards")
    app.add_typer(alerts, name="alerts")


@dashboards.command(name="list")
def list_dashboards(*, as_json: AsJson = False) -> None:
    """The dashboards, for whom they are, and how many panels they have."""
    from ..dashboards.all import DASHBOARDS

    rows = [{"uid": one.uid, "title": one.title, "for": one.audience, "panels": len(one.panels)} for one in DASHBOARDS]
    show(rows, ["uid", "title", "for", "panels"], as_json=as_json)


@dashboards.command(name="export")
def export_dashboards(
    directory: To,
    *,
    prometheus: Annotated[
        str, typer.Option("--prometheus", metavar="URL", help="Prometheus, as Grafana sees it.")
    ] = "http://prometheus:9090",
    folder: Annotated[
        str, typer.Option("--folder", help="Where Grafana finds the dashboards.")
    ] = "/var/lib/grafana/dashboards",
) -> None:
    """Write Grafana's JSON and the files that provision it."""
    from ..dashboards.files import grafana_files

    _write({directory / path: text for path, text in grafana_files(prometheus, folder).items()})


@alerts.command(name="list")
def list_alerts(*, as_json: AsJson = False) -> None:
    """Every alert: how bad, and where its runbook stands."""
    from ..alerts.files import ALERTS

    rows = [
        {"alert": one.name, "severity": one.severity, "runbook": one.runbook, "means": one.description}
        for one in ALERTS
    ]
    show(rows, ["alert", "severity", "runbook"], as_json=as_json)


@alerts.command(name="export")
def export_alerts(
    directory: To,
    *,
    docs: Annotated[str, typer.Option("--docs", metavar="URL", help="Put before each runbook's place.")] = "",
    scale: Annotated[
        float, typer.Option("--scale", min=0.001, max=1000, help="Multiplies every span of time, for a rehearsal.")
    ] = 1.0,
) -> None:
    """Write `alerts.yml`, Prometheus' rules."""
    from ..alerts.files import rule_file
    from ..alerts.pace import Pace

    _write({directory / "alerts.yml": rule_file(Pace(scale), docs)})


def _write(files: dict[Path, str]) -> None:
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        say(f"wrote {path}")
