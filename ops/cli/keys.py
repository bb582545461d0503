"""`penstock keys`: the keys that wrap others, made anew, and what old ones wrapped, wrapped again."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from .common import AsJson, In, say, show

app = typer.Typer(help="KEKs, store keys and data keys: show, rotate, rewrap.", no_args_is_help=True)


class What(StrEnum):
    """Which keys are made anew."""

    KEK = "kek"
    STORE_KEYS = "store-keys"
    DATA_KEYS = "data-keys"


WhatKeys = Annotated[
    What,
    typer.Argument(
        metavar="kek|store-keys|data-keys",
        help="kek: a new version in the KMS, and the store keys under it; store-keys: new ones wrap from now on; "
        "data-keys: events are protected under new ones from now on.",
    ),
]
MemberOf = Annotated[str, typer.Option("--member", help="Whose keys: a member with a KMS of its own.")]


@app.command(name="show")
def show_keys(directory: In = Path(), *, as_json: AsJson = False) -> None:
    """Every store key: under whose KEK, in use or retired, and how many rows of the store it wraps."""
    from ..keys_desk import key_rows
    from ..wiring import Wiring

    columns = ["owner", "kms", "store_key", "state", "made", "retired", "wraps", "data_keys"]
    show(key_rows(Wiring(directory)), columns, as_json=as_json)


@app.command()
def rotate(what: WhatKeys, directory: In = Path(), *, member: MemberOf = "", as_json: AsJson = False) -> None:
    """Make new keys. Every worker uses them within 60 seconds; what is old stays readable."""
    from ..keys_desk import rotate as rotate_keys
    from ..wiring import Wiring

    done = rotate_keys(Wiring(directory), what.value, member, Progress("store keys"))
    if as_json:
        typer.echo(json.dumps(done))
        return
    said = {
        What.KEK: f"the KEK has a new version; {done.get('rewrapped')} store keys are under it",
        What.STORE_KEYS: f"{done.get('retired')} store keys are retired; `penstock keys rewrap` frees what they wrap",
        What.DATA_KEYS: f"version {done.get('version')} of the data keys counts from now on",
    }
    say(f"{done['owner']}: {said[what]}; every worker knows within 60 s")


@app.command()
def rewrap(directory: In = Path(), *, as_json: AsJson = False) -> None:
    """Wrap store keys by the newest KEK, and what retired store keys wrap by those in use. Interrupted, it goes on."""
    from ..keys_desk import rewrap_all
    from ..wiring import Wiring

    done = rewrap_all(Wiring(directory), Progress("rows"))
    if as_json:
        typer.echo(json.dumps(done))
    else:
        say(f"{done['store_keys']} store keys and {done['rows']} rows are wrapped again")


class Progress:
    """Tells a person how far it is, each time a twentieth more is done."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._told = -1

    def __call__(self, done: int, total: int) -> None:
        part = 20 * done // total if total else 20
        if part > self._told:
            self._told = part
            say(f"{done} of {total} {self._what}")
