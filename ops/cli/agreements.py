"""`penstock agreements`: what is in force, and ending or pausing it."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from .common import AsJson, In, say, show, show_settled, waiting_for

app = typer.Typer(help="Agreements: list, show, sign, suspend, resume, terminate.", no_args_is_help=True)
Status = Literal["in_force", "suspended", "terminated"]
Id = Annotated[str, typer.Argument(metavar="AGREEMENT", help="The agreement's id.")]


@app.command(name="list")
def list_all(directory: In = Path(), *, as_json: AsJson = False) -> None:
    """Every agreement in force, suspended or ended."""
    from ..in_force import agreements_in_force

    columns = ["agreement", "provider", "recipient", "dataset", "status", "signed", "behind", "valid_until"]
    show(agreements_in_force(directory), columns, as_json=as_json)


@app.command(name="show")
def show_one(agreement: Id, directory: In = Path()) -> None:
    """One agreement as it is in force."""
    from ..in_force import agreement_in_force

    typer.echo(agreement_in_force(directory, agreement))


@app.command()
def sign(
    agreement: Id,
    *,
    member: Annotated[str, typer.Option("--as", metavar="MEMBER", help="The party that signs.")],
    key: Annotated[Path, typer.Option("--key", help="The party's private key (PEM).", exists=True, dir_okay=False)],
    directory: In = Path(),
) -> None:
    """Add one party's signature to the file beside the agreement."""
    from ..documents.sign import sign as add_signature

    found = add_signature(directory, agreement, member, key)
    have = [side for side in ("provider", "recipient") if getattr(found.signatures, side) is not None]
    say(f"{agreement} is signed by: {', '.join(have)}")


@app.command()
def keygen(path: Annotated[Path, typer.Argument(help="Where the private key goes.", dir_okay=False)]) -> None:
    """Make a signing key; prints the public half for the charter."""
    from ..documents.sign import keygen as make

    typer.echo(make(path))


@app.command()
def suspend(agreement: Id, directory: In = Path(), *, as_json: AsJson = False) -> None:
    """Stop releases under an agreement until it is resumed."""
    _change(directory, agreement, "suspended", as_json=as_json)


@app.command()
def resume(agreement: Id, directory: In = Path(), *, as_json: AsJson = False) -> None:
    """Release again from now on; what came meanwhile stays withheld."""
    _change(directory, agreement, "in_force", as_json=as_json)


@app.command()
def terminate(agreement: Id, directory: In = Path(), *, as_json: AsJson = False) -> None:
    """End an agreement, for good."""
    _change(directory, agreement, "terminated", as_json=as_json)


def _change(directory: Path, agreement: str, status: Status, *, as_json: bool) -> None:
    from ..clock import now_ms
    from ..wiring import Wiring

    done = Wiring(directory).applier(waiting_for).change_status(agreement, status, now_ms())
    number = done.generation.number
    say(f"{agreement} is {status.replace('_', ' ')} from generation {number} on")
    row = {"agreement": agreement, "status": status, "generation": number, "changed": done.changed}
    show_settled(row, done.settled, as_json=as_json)
