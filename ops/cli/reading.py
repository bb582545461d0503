"""`read`, `view`, `explain`: what a recipient gets, and why."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from .common import AsJson, In

Id = Annotated[str, typer.Argument(metavar="AGREEMENT", help="The agreement's id.")]
Gateway = Annotated[str, typer.Option("--gateway", help="The gateway's URL; by default this ecosystem's.")]
Bootstrap = Annotated[str, typer.Option("--bootstrap", help="Kafka; by default what the gateway says.")]
Follow = Annotated[bool, typer.Option("--follow", help="Go on reading what comes.")]
Limit = Annotated[int, typer.Option("-n", help="End after so many records.", min=0)]
view_app = typer.Typer(help="What an agreement makes of its dataset.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    app.command()(read)
    app.add_typer(view_app, name="view")
    app.command()(explain)


def read(  # noqa: PLR0913 - a command's options
    agreement: Id,
    directory: In = Path(),
    *,
    gateway: Gateway = "",
    bootstrap: Bootstrap = "",
    follow: Follow = False,
    limit: Limit = 0,
) -> None:
    """Read a view as its recipient: one JSON object a line, encrypted fields opened with keys from the gateway.

    The token comes from PENSTOCK_TOKEN, or from the ecosystem's own state where `up` left one; the private sealing key
    from the file that PENSTOCK_KEY_FILE names, or likewise.
    """
    from ..reading import records

    for count, record in enumerate(records(directory, agreement, gateway, bootstrap, follow=follow), start=1):
        typer.echo(json.dumps(record, ensure_ascii=False, default=_plain))
        if count == limit:
            return


@view_app.command(name="show")
def view_show(
    agreement: Id,
    directory: In = Path(),
    *,
    code: Annotated[bool, typer.Option("--code", help="The compiled view program instead: plan and source.")] = False,
) -> None:
    """The view's Avro schema, derived from the documents on disk."""
    from ...schemas.view_label import view_schema_of
    from ..documents.load import load

    documents = load(directory)
    found = documents.agreements.get(agreement)
    if found is None:
        raise typer.BadParameter(f"the documents have no agreement `{agreement}`")
    if code:
        from ..explaining import view_code

        typer.echo(view_code(documents, found))
        return
    typer.echo(json.dumps(view_schema_of(documents.contracts[found.dataset], found), indent=2, ensure_ascii=False))


def explain(
    event: Annotated[typer.FileText, typer.Argument(metavar="EVENT", help="A file with one event as JSON, or -.")],
    *,
    agreement: Annotated[str, typer.Option("--agreement", help="The agreement's id.")],
    consent: Annotated[bool, typer.Option("--consent", help="As if the data subject had consented.")] = False,
    directory: In = Path(),
    as_json: AsJson = False,
) -> None:
    """Say what the documents would do with one event, and why. Nothing leaves."""
    from ..explaining import explained, sentences

    found = explained(directory, agreement, _event_in(event), consent=consent)
    typer.echo(json.dumps(found, ensure_ascii=False) if as_json else "\n".join(sentences(found)))


def _event_in(file: typer.FileText) -> dict[str, Any]:
    from ...schemas.errors import ConfigurationError

    try:
        event = json.load(file)
    except ValueError:
        # From None: the parser's message quotes what it could not read.
        raise ConfigurationError("the event is not JSON", place=file.name, remedy="one JSON object") from None
    if not isinstance(event, dict):
        raise ConfigurationError("the event is no JSON object", place=file.name, remedy='{"field": value, …}')
    return event


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return str(value)
