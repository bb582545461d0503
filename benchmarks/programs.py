"""Lane programs by back end."""

from collections.abc import Collection
from typing import Any, get_args

from penstock.processors.lane import LaneProgram
from penstock.processors.native.extension import extension
from penstock.processors.served import WorkerKeys
from penstock.schemas.ecosystem import BackEnd
from penstock.schemas.generation import Generation

SLOW = "slow"


def back_ends() -> list[str]:
    """Return the back ends that an ecosystem's page may name and that are installed."""
    return [one for one in get_args(BackEnd) if one != "native" or extension()]


def lane_program(
    generation: Generation, dataset: str, keys: WorkerKeys, only: Collection[str] | None, back_end: Any
) -> LaneProgram:
    return LaneProgram(generation, dataset, keys, no_other_schema, only, back_end)


def no_other_schema(_schema_id: int) -> dict[str, Any]:
    raise LookupError
