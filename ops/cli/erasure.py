"""`penstock erasure`: a case from the data subject's request to the last recipient's receipt."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .common import AsJson, In, say, show, show_settled, waiting_for
from .consents import identifiers

if TYPE_CHECKING:
    from ...processors.erasure_case import Case

app = typer.Typer(help="Erasure of a data subject, from the request to the receipts.", no_args_is_help=True)

CaseId = Annotated[str, typer.Argument(metavar="CASE", help="The case's id.")]
By = Annotated[str, typer.Option("--as", metavar="OFFICE", help="Who takes the step: a name in office.")]
Member = Annotated[str, typer.Option("--as", metavar="MEMBER", help="The member of the charter that signs.")]
Key = Annotated[Path, typer.Option("--key", help="The member's private key (PEM).", exists=True, dir_okay=False)]
Ground = Annotated[str, typer.Option("--ground", help="Why, for example `GDPR Art. 17(3)(b), Tax Act §12`.")]
Gateway = Annotated[str, typer.Option("--gateway", help="The gateway's URL; by default this ecosystem's.")]


@app.command()
def request(by: By, directory: In = Path(), *, as_json: AsJson = False) -> None:
    """Open a case about one data subject: every identifier it is known by, one a line, by prompt or standard input."""
    from .. import erasing

    _tell(erasing.request(directory, identifiers(), by), as_json=as_json)


@app.command()
def decide(  # noqa: PLR0913 - a command's options
    case: CaseId,
    by: By,
    *,
    grant: Annotated[bool, typer.Option("--grant/--refuse", help="What the data-protection officer decides.")],
    ground: Ground = "",
    directory: In = Path(),
    as_json: AsJson = False,
) -> None:
    """Record the data-protection officer's decision: granted, or refused on a ground."""
    from .. import erasing

    _tell(erasing.take(directory, case, "granted" if grant else "refused", by, ground), as_json=as_json)


@app.command()
def hold(  # noqa: PLR0913 - a command's options
    case: CaseId,
    by: By,
    *,
    ground: Ground = "",
    lift: Annotated[bool, typer.Option("--lift", help="End the hold.")] = False,
    directory: In = Path(),
    as_json: AsJson = False,
) -> None:
    """Put a legal hold on a case, or lift it: on hold it is neither granted, approved nor executed."""
    from .. import erasing

    _tell(erasing.take(directory, case, "freed" if lift else "held", by, ground), as_json=as_json)


@app.command()
def approve(case: CaseId, by: By, directory: In = Path(), *, as_json: AsJson = False) -> None:
    """Approve a granted case: somebody else than who decided."""
    from .. import erasing

    _tell(erasing.take(directory, case, "approved", by), as_json=as_json)


@app.command()
def execute(  # noqa: PLR0913 - a command's options
    case: CaseId,
    member: Member,
    key: Key,
    *,
    within: Annotated[str, typer.Option("--answer-within", help="How long recipients have (ISO 8601).")] = "P14D",
    directory: In = Path(),
    as_json: AsJson = False,
) -> None:
    """Destroy keys and pseudonyms, for good, and leave signed notices; go on where an attempt ended."""
    from ...schemas.errors import ConfigurationError
    from ...schemas.model import duration_ms
    from .. import erasing
    from ..erasure_notices import Clerk

    try:
        within_ms = duration_ms(within)
    except ValueError as wrong:
        raise ConfigurationError(str(wrong), place="--answer-within") from None
    done = erasing.execute(directory, case, Clerk(member, key, within_ms), waiting_for)
    say(f"{case} is {done.case.state}; {len(done.case.missing)} recipients are to answer")
    row = {"case": case, "state": done.case.state, "missing": done.case.missing}
    show_settled(row, done.settled, as_json=as_json)


@app.command()
def status(
    case: Annotated[str, typer.Argument(metavar="[CASE]", help="A case's id; without one, all.")] = "",
    directory: In = Path(),
    *,
    as_json: AsJson = False,
) -> None:
    """Every case, or the whole file of one; exit code 5 where a recipient's receipt is overdue."""
    from .. import erasing
    from ..clock import now_ms
    from ..erasure_file import case_file, row

    found, at_ms = erasing.cases(directory), now_ms()
    if not case:
        columns = ["case", "state", "requested", "recipients", "missing", "overdue"]
        show([row(one, at_ms) for one in found.values()], columns, as_json=as_json)
        raise typer.Exit(5 if any(one.overdue(at_ms) for one in found.values()) else 0)
    if case not in found:
        from ...schemas.errors import RefusedError

        raise RefusedError("there is no such case", place=case, remedy="penstock erasure status lists them")
    told = case_file(found[case], at_ms)
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False))
    else:
        _show_file(told)
    raise typer.Exit(5 if found[case].overdue(at_ms) else 0)


def _show_file(told: Mapping[str, Any]) -> None:
    columns = ["when", "step", "by", "ground", "recipient", "outcome"]
    show(told["steps"], columns, as_json=False, title=told["case"])
    show(told["recipients"], ["recipient", "state", "due", "notice"], as_json=False)


@app.command()
def replay(directory: In = Path(), *, as_json: AsJson = False) -> None:
    """Carry out in a restored store every erasure that it does not know of; roles refuse to start before that."""
    from .. import erasing

    done = erasing.replay(directory)
    say(f"{done['replayed']} of {done['orders']} orders replayed")
    if as_json:
        typer.echo(json.dumps(done))


@app.command()
def notices(member: Member, *, gateway: Gateway = "", directory: In = Path(), as_json: AsJson = False) -> None:
    """For a recipient: what it is asked to erase, under which pseudonyms and key handles it knows the data subject."""
    from ..erasure_receipts import Recipient

    rows = [
        {"case": said["case"], "due_ms": said["due_ms"], **entry}
        for said in Recipient(directory, member, gateway).notices()
        for entry in said["agreements"]
    ]
    show(rows, ["case", "agreement", "pseudonyms", "handles"], as_json=as_json)


@app.command()
def receipt(  # noqa: PLR0913 - a command's options
    case: CaseId,
    member: Member,
    key: Key,
    *,
    kept: Annotated[str, typer.Option("--kept", help="The ground on which the data are kept instead.")] = "",
    gateway: Gateway = "",
    directory: In = Path(),
    as_json: AsJson = False,
) -> None:
    """For a recipient: declare, signed, that its copies are erased."""
    from ..erasure_receipts import Recipient

    said = Recipient(directory, member, gateway).answer(case, key, kept)
    say(f"{case}: {said['outcome']}")
    if as_json:
        typer.echo(json.dumps(said, ensure_ascii=False))


def _tell(case: "Case", *, as_json: bool) -> None:
    say(f"{case.id} is {'on hold' if case.hold else case.state}")
    if as_json:
        typer.echo(json.dumps({"case": case.id, "state": case.state, "hold": case.hold}, ensure_ascii=False))
