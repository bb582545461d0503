"""The roles: which run, which wait and for what, which are missing."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ...schemas.generation import Generation
from ..documents.load import connectors_of
from ..health import status
from ..home import Home
from .result import Result, Verdict, well


def roles(home: Home, generation: Generation | None) -> Iterator[Result]:
    """Say how each role is that ran here, and which datasets and sources nobody serves."""
    rows = status(home.root)
    for row in rows:
        yield _role(row, home.run)
    if not rows:
        yield Result("roles", Verdict.NOTE, "no role ever ran on this machine", f"penstock up {home.root}")
    running = {str(row["role"]) for row in rows if row["state"] not in {"stopped", "not answering"}}
    if rows and generation is not None:
        yield from _missing(home, generation, running)


def _role(row: Mapping[str, Any], run: Path) -> Result:
    name, state, reason = str(row["role"]), str(row["state"]), str(row.get("reason") or "")
    if state == "running":
        return well("roles", f"{name} runs")
    if state == "waiting":
        return Result("roles", Verdict.ILL, f"{name} waits: {reason}", "", "PenstockRoleWaiting")
    if state == "starting":
        return Result("roles", Verdict.NOTE, f"{name} starts")
    remedy = f"start it again; why it ended stands in {run / name}.log"
    return Result("roles", Verdict.ILL, f"{name} is {state}", remedy, "PenstockRoleDown")


def _missing(home: Home, generation: Generation, running: set[str]) -> Iterator[Result]:
    for dataset in sorted(generation.contracts):
        if not any(name.startswith(f"exchange-{dataset}-") for name in running):
            remedy = f"penstock run exchange {home.root} --dataset {dataset}"
            said = f"no exchange of {dataset} runs on this machine"
            yield Result("roles", Verdict.WARNING, said, remedy, "PenstockRoleDown")
    for source in connectors_of(home.root).sources:
        if f"connectors-{source.id}" not in running:
            remedy = f"penstock run connectors {home.root} --source {source.id}"
            said = f"nothing reads the source {source.id} on this machine"
            yield Result("roles", Verdict.WARNING, said, remedy, "PenstockRoleDown")
