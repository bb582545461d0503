"""`penstock partner`: what a recipient is told, so that it can read with a client of its own."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from .common import AsJson, In

app = typer.Typer(help="What partners need to read their views.", no_args_is_help=True)


class ClientKind(StrEnum):
    """Whose configuration is printed."""

    PYTHON = "python"
    JAVA = "java"
    KCAT = "kcat"


@app.command()
def config(
    agreement: Annotated[str, typer.Argument(metavar="AGREEMENT", help="The agreement's id.")],
    directory: In = Path(),
    *,
    kind: Annotated[ClientKind, typer.Option("--for", help="Which client.")] = ClientKind.PYTHON,
    as_json: AsJson = False,
) -> None:
    """Print a working client configuration for the recipient. Secrets come from variables; none is in it."""
    from ..partner_config import partner_config
    from ..partner_texts import text_for

    found = partner_config(directory, agreement)
    text = text_for(kind.value, found)
    if as_json:
        typer.echo(json.dumps({**found.facts(), "for": kind.value, "text": text}, ensure_ascii=False))
    else:
        typer.echo(text, nl=False)


@app.callback()
def partner() -> None:
    """What partners need to read their views."""
