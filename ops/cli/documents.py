"""`init`, `check`, `plan`, `apply`: documents from nothing to in force."""

from dataclasses import asdict
from typing import Annotated

import typer

from ...schemas.errors import DocumentError
from .common import AsJson, Directory, NewDirectory, say, show

Unsigned = Annotated[
    bool, typer.Option("--unsigned", help="Accept agreements without signatures; embedded broker only.")
]


def add_to(app: typer.Typer) -> None:
    for command in (init, check, plan, apply):
        app.command()(command)


def init(directory: NewDirectory) -> None:
    """Write a small, complete ecosystem to start from."""
    from ..documents.init import init as write

    write(directory)
    say(f"next: penstock check {directory}, then penstock up {directory} --unsigned")


def check(directory: Directory, *, as_json: AsJson = False) -> None:
    """Validate every document and run every scenario. Ends with 2 when something must be changed."""
    from ..checking import examine_all

    report = examine_all(directory)
    if as_json:
        show(report.rows(), [], as_json=True)
    else:
        for line in report.lines():
            typer.echo(line)
    if not report.fit:
        raise typer.Exit(DocumentError.exit_code)


def plan(directory: Directory, *, as_json: AsJson = False) -> None:
    """Say what `apply` would change, and loudly what would become less protected."""
    from ..putting import plan_of

    changes = plan_of(directory)
    if as_json:
        show([asdict(change) for change in changes], [], as_json=True)
    else:
        typer.echo("\n".join(map(str, changes)) or "nothing changes")


def apply(directory: Directory, *, unsigned: Unsigned = False, as_json: AsJson = False) -> None:
    """Put the documents in force: topics, schemas, then one generation."""
    from ..putting import put_in_force

    applied = put_in_force(directory, unsigned=unsigned)
    if as_json:
        show([applied.row()], [], as_json=True)
    else:
        typer.echo(applied.sentence())
