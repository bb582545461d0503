"""`metrics`: where Prometheus finds the roles."""

import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Where Prometheus finds the roles.", no_args_is_help=True)
_DIR = Annotated[Path, typer.Argument(metavar="DIR", help="The ecosystem's directory.")]


@app.command()
def targets(
    directory: _DIR = Path(),
    *,
    forget: Annotated[str, typer.Option(metavar="ROLE", help="First take a role off that is gone for good.")] = "",
) -> None:
    """Print every role's address and labels as JSON, in the form of Prometheus' `file_sd_configs`."""
    from ..targets import forget_role, targets_file
    from ..targets import targets as found

    run = targets_file(directory).parent
    if forget:
        forget_role(run, forget)
    typer.echo(json.dumps(found(run), indent=1))


@app.command()
def config(
    directory: _DIR = Path(),
    *,
    scrape_seconds: Annotated[int, typer.Option(min=1, help="How often to scrape.")] = 15,
    rules: Annotated[list[str] | None, typer.Option(metavar="FILE", help="A file of alert rules; may repeat.")] = None,
) -> None:
    """Print a `prometheus.yml` that scrapes the roles, also those that will yet start."""
    from ..targets import prometheus_config, targets_file

    text = prometheus_config(targets_file(directory), scrape_seconds=scrape_seconds, rules=tuple(rules or ()))
    typer.echo(text, nl=False)
