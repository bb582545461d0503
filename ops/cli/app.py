"""The `penstock` command. Commands import what they need when they run, so that a recipient's install stays light."""

import sys

import typer

from ...schemas.errors import PenstockError
from . import (
    access,
    agreements,
    brokers,
    consents,
    contracts,
    doctor,
    documents,
    erasure,
    evidence,
    keys,
    metrics,
    partner,
    reading,
    running,
    tokens,
    watching,
)

app = typer.Typer(
    name="penstock",
    help="Governed event exchange between public bodies, on Apache Kafka.",
    epilog="Exit codes: 0 done · 1 error · 2 documents not fit · 3 wrong setting or argument · "
    "4 something does not answer · 5 refused · 6 role must be started again · 130 interrupted.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
documents.add_to(app)
running.add_to(app)
reading.add_to(app)
app.add_typer(agreements.app, name="agreements")
app.add_typer(consents.app, name="consent")
app.add_typer(contracts.app, name="contract")
app.add_typer(erasure.app, name="erasure")
evidence.add_to(app)
doctor.add_to(app)
app.add_typer(access.app, name="access")
app.add_typer(tokens.app, name="tokens")
app.add_typer(keys.app, name="keys")
app.add_typer(partner.app, name="partner")
app.add_typer(brokers.app, name="broker")
app.add_typer(metrics.app, name="metrics")
watching.add_to(app)


@app.callback(invoke_without_command=True)
def version(
    context: typer.Context,
    *,
    show: bool = typer.Option(False, "--version", help="Print the version and end.", is_eager=True),
) -> None:
    if show:
        from ... import __version__

        typer.echo(__version__)
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main() -> None:
    """Run the command line; end with the error's exit code and one message on standard error."""
    try:
        app()
    except PenstockError as error:
        typer.echo(f"penstock: {error}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
