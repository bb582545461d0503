"""What a dashboard is made of. The words are Grafana's; how it looks there is `grafana.py`'s to say."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["lines", "areas", "number", "bars", "table"]
"""lines and areas (stacked) over time; number: the newest value, large; bars: one newest value a label; table."""

Unit = Literal[
    "events/s", "records/s", "requests/s", "messages/s", "operations/s", "seconds", "share", "bytes", "count", "days"
]
Colour = Literal["good", "watch", "bad", "plain"]

WIDTH = 24


@dataclass(frozen=True, slots=True)
class Query:
    """PromQL with dashboard variables, and what its series are called: a word, or `{{label}}` for a label's value.

    In a table `legend` heads the column, and `unit` may differ from the panel's.
    """

    expression: str
    legend: str
    unit: Unit | None = None


@dataclass(frozen=True, slots=True)
class Threshold:
    """From `value` on a panel has `colour`."""

    value: float
    colour: Colour


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture. `help` says in a sentence or two what is seen and when to worry; `width` is in 24ths.

    `colour` is that of values below the first threshold.
    """

    title: str
    kind: Kind
    unit: Unit
    queries: tuple[Query, ...]
    help: str
    width: int = 8
    colour: Colour = "plain"
    thresholds: tuple[Threshold, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under one heading, from left to right, in lines of 24; `height` is that of each, in Grafana's units."""

    title: str
    panels: tuple[Panel, ...]
    height: int = 8


@dataclass(frozen=True, slots=True)
class Variable:
    """A choice above the panels: the values that `label` has in `metric`. Several, or all."""

    name: str
    metric: str

    @property
    def label(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One page. `uid` is for ever: links and bookmarks hold it."""

    uid: str
    title: str
    audience: str
    variables: tuple[Variable, ...]
    rows: tuple[Row, ...]

    @property
    def panels(self) -> tuple[Panel, ...]:
        return tuple(panel for row in self.rows for panel in row.panels)
