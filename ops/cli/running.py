"""`up`, `run`, `status`: processes."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from .common import AsJson, Directory, say, show

Once = Annotated[bool, typer.Option("--once", help="Deliver the input that is there, summarise, end.")]
Unsigned = Annotated[
    bool, typer.Option("--unsigned", help="Accept agreements without signatures; embedded broker only.")
]
Feed = Annotated[
    str, typer.Option("--feed", metavar="COMMAND", help="Run this once everything is ready; its failure is ours.")
]
Dataset = Annotated[str, typer.Option("--dataset", help="The dataset that an exchange serves.")]
SourceId = Annotated[str, typer.Option("--source", help="The source that a connectors role reads.")]
SlotNumber = Annotated[int, typer.Option("--slot", help="The slot; a restart takes the same one.", min=0)]
LaneNumber = Annotated[int, typer.Option("--lane", help="The lane of the dataset; most have the first only.", min=0)]
Port = Annotated[int | None, typer.Option("--port", help="The gateway's port; by default a free one, kept.")]


def add_to(app: typer.Typer) -> None:
    app.command()(up)
    app.command(name="run")(run_role)
    app.command()(status)


def up(
    directory: Directory, *, once: Once = False, as_json: AsJson = False, unsigned: Unsigned = False, feed: Feed = ""
) -> None:
    """Run everything on this machine, with a live table; Ctrl-C ends it within 10 s.

    With --once: deliver the input that is there and end; with --json the last line is the summary. With --feed the
    input is what the command sends, to where PENSTOCK_HTTP_<SOURCE>, PENSTOCK_MQTT_<SOURCE> and PENSTOCK_TOKEN_<MEMBER>
    in its environment say; --once then waits until it ends.
    """
    from ..show import deliver_once, show_live

    if once:
        found = deliver_once(directory, say, unsigned=unsigned, feed=feed)
        if as_json:
            typer.echo(json.dumps(found, ensure_ascii=False))
        else:
            show(_rows(found), ["agreement", "delivered", "withheld"], as_json=False)
    else:
        show_live(directory, say, unsigned=unsigned, feed=feed)


def run_role(  # noqa: PLR0913 - each is an option
    role: Annotated[str, typer.Argument(metavar="ROLE", help="broker, gateway, connectors or exchange.")],
    directory: Directory,
    *,
    dataset: Dataset = "",
    slot: SlotNumber = 0,
    lane: LaneNumber = 0,
    port: Port = None,
    source: SourceId = "",
) -> None:
    """Run one role in the foreground, as `up` and containers do."""
    from ..roles.start import start

    start(role, directory, dataset=dataset, slot=slot, lane=lane, port=port, source=source)


def status(directory: Directory, *, as_json: AsJson = False) -> None:
    """Say which roles run, how they are, and since when."""
    from ..health import status as role_status

    show(role_status(directory), ["role", "state", "since", "reason", "pid"], as_json=as_json)


def _rows(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"agreement": key, **counts} for key, counts in found["agreements"].items()]
