"""`penstock access`: users and rules on Kafka, brought to what is in force."""

import typer

from .common import AsJson, Directory, show

app = typer.Typer(help="Users and rules on Kafka: bring them to what is in force.", no_args_is_help=True)


@app.callback()
def access() -> None:
    """Keep the word `sync` a word: with one command alone it would be left out."""


@app.command()
def sync(directory: Directory, *, as_json: AsJson = False) -> None:
    """Give what is missing on Kafka and take what nothing in force says.

    For cron: it ends what ended by itself. Before the first apply it lays our topics and what roles need to start.
    """
    from ..access.syncing import sync as bring
    from ..documents.plan_access import access_changes
    from ..wiring import Wiring

    done = access_changes(bring(Wiring(directory)))
    if as_json:
        show([{"principal": one.id, "what": one.key, "message": one.message} for one in done], [], as_json=True)
    else:
        typer.echo("\n".join(map(str, done)) or "nothing changes")
