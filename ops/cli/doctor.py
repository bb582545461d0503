"""`doctor`: what is wrong with this ecosystem, and what to do about it."""

import typer

from .common import AsJson, Directory, say, show

_MARKS = {"well": "ok     ", "note": "note   ", "warning": "WARNING", "ill": "ILL    ", "unknown": "unknown"}


def add_to(app: typer.Typer) -> None:
    app.command()(doctor)


def doctor(directory: Directory, *, as_json: AsJson = False) -> None:
    """Look at documents, machine, keys, who gets in, Kafka, topics, roles, metrics, lag. Ends with 1 if one is ill."""
    from ..doctor.examination import examine

    rows = []
    for result in examine(directory, lambda name: None if as_json else say(f"looking at: {name}")):
        row = result.row()
        rows.append(row)
        if not as_json:
            remedy = f"\n        {row['remedy']}" if row["remedy"] else ""
            runbook = f"\n        runbook: {row['runbook']}" if row["runbook"] else ""
            typer.echo(f"{_MARKS[row['verdict']]} {row['check']}: {row['said']}{remedy}{runbook}")
    if as_json:
        show(rows, [], as_json=True)
    if any(row["verdict"] == "ill" for row in rows):
        raise typer.Exit(1)
