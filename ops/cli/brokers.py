"""`penstock broker`: the embedded Kafka by itself."""

import typer

from ..home import Home
from .common import AsJson, Directory, say, show

app = typer.Typer(help="The embedded Kafka: one node, one replica, on loopback.", no_args_is_help=True)


@app.command()
def start(directory: Directory) -> None:
    """Start Kafka for the ecosystem and leave it running."""
    from ..broker.daemon import start_detached

    bootstrap = start_detached(Home(directory).root)
    say("one replica, on loopback: for trying and testing, not for keeping the only copy")
    typer.echo(bootstrap)


@app.command()
def stop(directory: Directory) -> None:
    """Stop the Kafka that `start` left running."""
    from ..broker.daemon import stop_detached

    say("stopped" if stop_detached(Home(directory).root) else "Kafka did not run")


@app.command()
def status(directory: Directory, *, as_json: AsJson = False) -> None:
    """Say whether Kafka runs, where it listens, where its log is."""
    from ..broker.daemon import status as broker_status

    found = broker_status(Home(directory).root)
    show([found], list(found), as_json=as_json)
