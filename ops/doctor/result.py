"""What one look gave."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ...schemas.errors import PenstockError

RUNBOOKS = "docs/operations.md"


class Verdict(StrEnum):
    """How a thing is. `UNKNOWN`: it could not be looked at, because something before it failed."""

    WELL = "well"
    NOTE = "note"
    WARNING = "warning"
    ILL = "ill"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Result:
    """`said` never holds a value of a person. `alert` names the alert whose runbook goes on from here, if one does."""

    name: str
    verdict: Verdict
    said: str
    remedy: str = ""
    alert: str = ""

    def row(self) -> Mapping[str, Any]:
        runbook = f"{RUNBOOKS}#{self.alert.lower()}" if self.alert else ""
        return {
            "check": self.name,
            "verdict": self.verdict.value,
            "said": self.said,
            "remedy": self.remedy,
            "runbook": runbook,
        }


@dataclass(frozen=True, slots=True)
class Check:
    """A named look; `alert` is the runbook for its failure."""

    name: str
    look: Callable[[], Iterable[Result]]
    alert: str = ""

    def results(self) -> Iterator[Result]:
        """Yield what the look gave; an error of ours is a finding like any other."""
        try:
            yield from self.look()
        except PenstockError as error:
            place = f"{error.place}: " if error.place else ""
            yield Result(self.name, Verdict.ILL, f"{place}{error.message}", error.remedy, self.alert)


def well(name: str, said: str) -> Result:
    return Result(name, Verdict.WELL, said)
