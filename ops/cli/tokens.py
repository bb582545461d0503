"""`penstock tokens`: what members get in with. Shown once, good for a time, ended when you say so."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from .common import AsJson, In, say, show

app = typer.Typer(help="Tokens and Kafka users of members: issue, list, revoke.", no_args_is_help=True)


class ScopeName(StrEnum):
    """What a token opens."""

    KEYS = "keys"
    PUBLISH = "publish"
    REGISTRY = "registry"


Member = Annotated[str, typer.Argument(metavar="MEMBER", help="A member of the charter.")]
ScopeOf = Annotated[
    ScopeName,
    typer.Option(
        "--scope", help="keys: the key desk and schemas of one's own; publish: HTTP ingest; registry: every schema."
    ),
]
Days = Annotated[int, typer.Option("--days", help="How long it is good.", min=1, max=3_650)]
Label = Annotated[str, typer.Option("--label", help="What lists show beside it, such as whose machine.")]
Kafka = Annotated[bool, typer.Option("--kafka", help="A Kafka user's password instead; it replaces the one before.")]


@app.command()
def issue(  # noqa: PLR0913 - a command's options
    member: Member,
    directory: In = Path(),
    *,
    scope: ScopeOf = ScopeName.KEYS,
    days: Days = 90,
    label: Label = "",
    kafka: Kafka = False,
    as_json: AsJson = False,
) -> None:
    """Print a new token of a member, this once; standard output holds nothing else."""
    from ..token_desk import issue_token, token_row
    from ..wiring import Wiring

    if kafka:
        _issue_kafka(directory, member, days, as_json=as_json)
        return
    token, issued = issue_token(Wiring(directory), member, days, scope.value, label)
    row = token_row(issued)
    if as_json:
        typer.echo(json.dumps({**row, "token": token}, ensure_ascii=False))
        return
    say(f"token {row['id']} of {member} for {scope.value}, good until {row['expires']}, shown this once:")
    typer.echo(token)


def _issue_kafka(directory: Path, member: str, days: int, *, as_json: bool) -> None:
    from ..access.credentials import issue as issue_user
    from ..token_desk import at, refuse_strangers
    from ..wiring import Wiring

    wiring = Wiring(directory)
    refuse_strangers(wiring, member)
    made = issue_user(wiring, member, days)
    if as_json:
        told = {"username": made.username, "password": made.password, "expires": at(made.expires_ms)}
        typer.echo(json.dumps(told))
        return
    say(f"the password of the Kafka user {made.username}, good until {at(made.expires_ms)}, shown this once:")
    typer.echo(made.password)


@app.command(name="list")
def list_all(directory: In = Path(), *, as_json: AsJson = False) -> None:
    """Every token ever issued, by the id that names it; the tokens themselves are known to nobody here."""
    from ..token_desk import token_rows
    from ..wiring import Wiring

    columns = ["id", "member", "scope", "label", "issued", "expires", "state"]
    show(token_rows(Wiring(directory)), columns, as_json=as_json)


@app.command()
def revoke(
    token: Annotated[str, typer.Argument(metavar="ID", help="A token's id, as `tokens list` shows it.")] = "",
    directory: In = Path(),
    *,
    member: Annotated[str, typer.Option("--member", help="All tokens of a member.")] = "",
    kafka: Annotated[bool, typer.Option("--kafka", help="With --member: its Kafka user instead.")] = False,
) -> None:
    """End a token, all tokens of a member, or its Kafka user, at once."""
    from ..token_desk import revoke_token
    from ..wiring import Wiring

    if bool(token) == bool(member) or (kafka and not member):
        raise typer.BadParameter("name a token's ID, or --member M; --kafka goes with --member")
    wiring = Wiring(directory)
    if token:
        revoke_token(wiring, token)
        say(f"token {token} is revoked")
    elif kafka:
        from ..access.credentials import revoke as revoke_user

        say(f"the Kafka user of {member} is ended" if revoke_user(wiring, member) else f"{member} had no Kafka user")
    else:
        say(f"{wiring.tokens().revoke_member(member)} tokens of {member} are revoked")
