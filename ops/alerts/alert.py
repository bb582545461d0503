"""An alert, and a recorded series that alerts are made from."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from .pace import Pace

Severity = Literal["critical", "warning", "info"]
"""critical: somebody gets up now. warning: somebody looks today. info: somebody plans."""

Expression = Callable[[Pace], str]


@dataclass(frozen=True, slots=True)
class Alert:
    """One rule. Two may share a name when their severities differ.

    It fires when `expression` has held for `hold_s`. `summary` is one line with the labels of the series,
    `description` says what that means; what to do stands in the runbook.
    """

    name: str
    severity: Severity
    hold_s: float
    expression: Expression
    summary: str
    description: str

    @property
    def runbook(self) -> str:
        """Return the runbook's place: a heading of the handbook that is the alert's name."""
        return f"docs/operations.md#{self.name.lower()}"


@dataclass(frozen=True, slots=True)
class Recording:
    """A series computed at every evaluation under a name of its own."""

    name: str
    expression: Expression
