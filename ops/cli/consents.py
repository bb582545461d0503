"""`penstock consent`: a data subject's yes or no. Identifiers come by prompt or standard input, never as arguments."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from .common import AsJson, In, say, show, show_settled, waiting_for

app = typer.Typer(help="Consents of data subjects; identifiers by prompt or standard input.", no_args_is_help=True)
Id = Annotated[str, typer.Argument(metavar="AGREEMENT", help="The agreement's id.")]


@app.command()
def give(agreement: Id, directory: In = Path(), *, as_json: AsJson = False) -> None:
    """Record that data subjects consent, one identifier a line."""
    _record(directory, agreement, given=True, as_json=as_json)


@app.command()
def withdraw(agreement: Id, directory: In = Path(), *, as_json: AsJson = False) -> None:
    """Record that data subjects withdraw their consent, one identifier a line."""
    _record(directory, agreement, given=False, as_json=as_json)


@app.command(name="show")
def show_one(directory: In = Path(), *, as_json: AsJson = False) -> None:
    """What one data subject has said, by agreement."""
    from ..consenting import said_by

    rows = said_by(directory, identifiers()[0])
    show(rows, ["agreement", "consent"], as_json=as_json)


def _record(directory: Path, agreement: str, *, given: bool, as_json: bool) -> None:
    from ..consenting import record

    named, word = identifiers(), "given" if given else "withdrawn"
    settled = record(directory, agreement, named, given=given, tell=waiting_for)
    say(f"{len(named)} {word} for {agreement}")
    show_settled({"agreement": agreement, "consent": word, "subjects": len(named)}, settled, as_json=as_json)


def identifiers() -> list[str]:
    """Return identifiers of data subjects: asked for without echo, or the lines of standard input."""
    asked = sys.stdin.isatty()
    lines = [typer.prompt("identifier", hide_input=True)] if asked else sys.stdin.read().splitlines()
    found = [line.strip() for line in lines if line.strip()]
    if not found:
        from ...schemas.errors import ConfigurationError

        raise ConfigurationError("no identifier was given", remedy="one a line on standard input")
    return found
