"""`members`, `disclosures`, `quarantine`: who takes part, who got what, what was refused."""

import json
from pathlib import Path
from typing import Annotated

import typer

from .common import AsJson, In, show

quarantine_app = typer.Typer(help="Records that were refused at a door.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    app.command()(members)
    app.command()(disclosures)
    app.add_typer(quarantine_app, name="quarantine")


def members(directory: In = Path(), *, as_json: AsJson = False) -> None:
    """The charter's members."""
    from ..documents.load import load

    found = load(directory).charter.members
    rows = [
        {"member": one.id, "name": one.name, "country": one.country, "roles": ", ".join(one.roles)} for one in found
    ]
    show(rows, ["member", "name", "country", "roles"], as_json=as_json)


def disclosures(directory: In = Path(), *, as_json: AsJson = False) -> None:
    """Who got a data subject's data, when, and what was withheld. The identifier comes by prompt or standard input."""
    from ..evidence import disclosures_of
    from .consents import identifiers

    rows = disclosures_of(directory, identifiers()[0])
    show(rows, ["when", "dataset", "agreement", "recipient", "decision", "event"], as_json=as_json)


@quarantine_app.command(name="list")
def quarantine_list(directory: In = Path(), *, as_json: AsJson = False) -> None:
    """Every refused record: where it came from and why."""
    from ..evidence import quarantined

    columns = ["dataset", "offset", "when", "reason", "source", "agreement", "bytes"]
    show(quarantined(directory), columns, as_json=as_json)


@quarantine_app.command(name="show")
def quarantine_show(
    dataset: Annotated[str, typer.Argument(metavar="DATASET")],
    offset: Annotated[int, typer.Argument(metavar="OFFSET", min=0)],
    directory: In = Path(),
    *,
    as_json: AsJson = False,
) -> None:
    """Open one refused record: its detail and, as hexadecimal, the original. Needs the key store."""
    from ..evidence import open_one

    found = open_one(directory, dataset, offset)
    lines = "\n".join(f"{name}: {value}" for name, value in found.items())
    typer.echo(json.dumps(found, ensure_ascii=False) if as_json else lines)
