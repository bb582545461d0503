"""What commands share: the directory argument, tables for people, JSON for machines."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ...streams.settling import Settled

Directory = Annotated[
    Path, typer.Argument(metavar="DIR", help="The ecosystem's directory.", exists=True, file_okay=False)
]
NewDirectory = Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty directory.", file_okay=False)]
In = Annotated[Path, typer.Option("--in", metavar="DIR", help="The ecosystem's directory.", exists=True)]
AsJson = Annotated[bool, typer.Option("--json", help="JSON for machines instead of a table.")]


def show(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool, title: str = "") -> None:
    """Print `rows`: as a table of `columns`, or as one JSON array."""
    if as_json:
        typer.echo(json.dumps(list(rows), ensure_ascii=False))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title or None, title_justify="left")
    for column in columns:
        table.add_column(column)
    for row in rows:
        table.add_row(*(str(row.get(column, "")) for column in columns))
    Console().print(table)


def say(message: str) -> None:
    """Print progress for a person; standard output stays for results."""
    typer.echo(message, err=True)


def waiting_for(slots: Sequence[str]) -> None:
    """Say whom a change waits for."""
    say(f"waiting for {', '.join(slots)}")


def show_settled(row: Mapping[str, Any], settled: "Settled", *, as_json: bool) -> None:
    """Say which workers act on a change: to a person, or with `row` as JSON."""
    if as_json:
        typer.echo(json.dumps({**row, "workers": settled.row()}, ensure_ascii=False))
    elif sentence := settled.sentence():
        say(sentence)
