"""`penstock partner`: what a recipient is told, so that it can read with a client of its own."""

import json
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .common import AsJson, In, say, show

if TYPE_CHECKING:
    from ...schemas.sealing_key import SealingKey

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


@app.command()
def key(  # noqa: PLR0913 - a command's options
    member: Annotated[str, typer.Argument(metavar="MEMBER", help="The recipient's id in the charter.")],
    directory: In = Path(),
    *,
    name: Annotated[str, typer.Option("--id", help="What the charter calls it; by default today's date.")] = "",
    out: Annotated[Path | None, typer.Option("--out", help="Where the private half goes.", dir_okay=False)] = None,
    days: Annotated[int, typer.Option("--days", help="How long it is valid, from today.", min=1, max=3_650)] = 730,
    register: Annotated[bool, typer.Option("--register", help="Put the public half into DIR's charter.yaml.")] = False,
) -> None:
    """Make a sealing key, to which the gateway seals keys of encrypted fields; print the public half for the charter.

    The private half is written to a file that only its owner can read, and stays with the recipient.
    """
    from ...schemas.sealing_key import key_lines
    from ..recipient_keys import new_key

    since = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    name = name or since.date().isoformat()
    path = out or Path(f"{member}-{name}.key")
    made = new_key(member, name, path).registered(since, since + timedelta(days=days))
    if register:
        _register(directory, member, made, path)
    say(f"the private half is in {path}: name it with PENSTOCK_KEY_FILE or open_view(key_files=[…])")
    typer.echo("\n".join(["    sealing_keys:", *key_lines(made, 6)]))


def _register(directory: Path, member: str, made: "SealingKey", path: Path) -> None:
    from ...schemas.errors import PenstockError
    from ..documents.register_key import register_key

    try:
        register_key(directory, member, made)
    except PenstockError:
        path.unlink()  # a key that nobody will ever seal to
        raise
    say(f"{directory / 'charter.yaml'} names it; it counts from the next `penstock apply` on")


@app.command(name="hand-outs")
def hand_outs(
    directory: In = Path(),
    *,
    agreement: Annotated[str, typer.Option("--agreement", help="Of one agreement only.")] = "",
    as_json: AsJson = False,
) -> None:
    """Who was handed how many keys of which agreement, minute by minute, the newest first. No key is in it."""
    from ..handed_out import hand_out_rows

    columns = ["when", "last", "agreement", "recipient", "sealing_key", "messages", "asked", "given"]
    show(hand_out_rows(directory, agreement), columns, as_json=as_json)


@app.callback()
def partner() -> None:
    """What partners need to read their views."""
