"""`contract infer`: a data contract in draft, from a sample."""

from pathlib import Path
from typing import Annotated

import typer

from .common import AsJson, In, say, show

app = typer.Typer(help="What datasets promise.", no_args_is_help=True)

What = Annotated[str, typer.Argument(metavar="FILE|TOPIC", help="A .csv, .ndjson, .json or .avro file, or a topic.")]
Id = Annotated[str, typer.Option("--id", help="The dataset's id; by default made of the sample's name.")]
Provider = Annotated[str, typer.Option("--provider", help="The member that provides it.")]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the two files go.", file_okay=False)]
Most = Annotated[int, typer.Option("--sample", metavar="N", help="Read at most so many records.", min=1)]


@app.callback()
def contract() -> None:
    """What datasets promise."""


@app.command()
def infer(  # noqa: PLR0913 - a command's options
    what: What,
    directory: In = Path(),
    *,
    id_: Id = "",
    provider: Provider = "",
    out: Out = Path(),
    sample: Most = 1_000,
    as_json: AsJson = False,
) -> None:
    """Draft a data contract and its Avro schema; every field unclassified. Writes no value of the sample."""
    from ..documents.infer import as_row, draft, slug, write
    from ..inferring import sample_of

    _check(provider=provider, id_=id_)
    made = draft(sample_of(what, directory, sample), id_ or slug(Path(what).stem), provider)
    row = as_row(made, write(made, out))
    show([row], ["contract", "schema", "records", "unreadable", "fields"], as_json=as_json)
    say("next: fill in what is null, classify every field, move both files to contracts/, then penstock check DIR")


def _check(**ids: str) -> None:
    from ..documents.infer import slug

    for name, value in ids.items():
        if value and slug(value) != value:
            raise typer.BadParameter(f"{name.strip('_')} takes lower-case letters, digits and hyphens inside")
