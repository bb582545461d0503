"""What `penstock up` shows: a table for a terminal, a line for a log. Pure: a snapshot in, something printable out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

_WELL = "running"
_UNKNOWN = "?"
_STYLES = {"running": "green", "failed": "bold red", "stopped": "dim", "not answering": "red"}


@dataclass(frozen=True, slots=True)
class DatasetRow:
    """One dataset. `lag_s`: the age of the oldest record not dealt with; None: not known.

    `duplicates` were discarded, `flagged` counts published events by quality flag, `unclassified` are values of fields
    that the contract does not know.
    """

    name: str
    rate: float
    total: int
    lag_s: float | None
    quarantined: int
    duplicates: int = 0
    flagged: Mapping[str, int] = field(default_factory=dict)
    unclassified: int = 0


@dataclass(frozen=True, slots=True)
class AgreementRow:
    """One agreement; `withheld` counts by reason code."""

    name: str
    recipient: str
    rate: float
    total: int
    withheld: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class RoleRow:
    """One role's process; `reason` of its last end, or what it waits for."""

    name: str
    state: str
    restarts: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An ecosystem at one moment. `unsigned`: agreements in force without both signatures."""

    ecosystem: str
    generation: int
    unsigned: Sequence[str]
    up_s: float
    datasets: Sequence[DatasetRow]
    agreements: Sequence[AgreementRow]
    roles: Sequence[RoleRow]


def render(snapshot: Snapshot) -> RenderableType:
    """Return the tables. They take the width they get; a long reason is folded, not cut."""
    parts: list[RenderableType] = [_header(snapshot)]
    if snapshot.unsigned:
        parts.append(Text(f"UNSIGNED: {', '.join(snapshot.unsigned)}", style="bold red"))
    for table in (_datasets(snapshot.datasets), _agreements(snapshot.agreements), _roles(snapshot.roles)):
        parts += ["", table]
    return Group(*parts)


def line(snapshot: Snapshot) -> str:
    """Return the snapshot as one line, for where there is no terminal."""
    datasets, agreements = snapshot.datasets, snapshot.agreements
    lags = [row.lag_s for row in datasets]
    well = sum(row.state == _WELL for row in snapshot.roles)
    parts = [
        f"up {_clock(snapshot.up_s)}",
        f"generation {snapshot.generation}{' UNSIGNED' if snapshot.unsigned else ''}",
        f"in {_rate(sum(row.rate for row in datasets))} ({sum(row.total for row in datasets):,})",
        f"out {_rate(sum(row.rate for row in agreements))} ({sum(row.total for row in agreements):,})",
        f"withheld {sum(sum(row.withheld.values()) for row in agreements):,}",
        f"quarantined {sum(row.quarantined for row in datasets):,}",
        *_seldom(datasets),
        f"lag {_lag(None if None in lags else max((lag or 0.0 for lag in lags), default=0.0))}",
        f"roles {well}/{len(snapshot.roles)}",
    ]
    unwell = [f"{row.name} {row.state}{_because(row)}" for row in snapshot.roles if row.state != _WELL]
    return " · ".join(parts + unwell)


def _seldom(rows: Sequence[DatasetRow]) -> list[str]:
    counts = {
        "duplicates": sum(row.duplicates for row in rows),
        "flagged": sum(sum(row.flagged.values()) for row in rows),
        "unclassified": sum(row.unclassified for row in rows),
    }
    return [f"{word} {number:,}" for word, number in counts.items() if number]


def _header(snapshot: Snapshot) -> Text:
    header = Text.assemble((snapshot.ecosystem, "bold"))
    header.append(f" · generation {snapshot.generation} · up {_clock(snapshot.up_s)}")
    return header


def _datasets(rows: Sequence[DatasetRow]) -> Table:
    """Return the table; what never happened takes no column."""
    seldom = {
        "duplicates": [f"{row.duplicates:,}" if row.duplicates else "" for row in rows],
        "unclassified": [f"{row.unclassified:,}" if row.unclassified else "" for row in rows],
        "flagged": [_flags(row.flagged) for row in rows],
    }
    shown = {name: cells for name, cells in seldom.items() if any(cells)}
    numbers = range(1, 5 + len(shown.keys() - {"flagged"}))
    table = _table("dataset", "in", "total", "lag", "quarantined", *shown, numbers=numbers)
    for index, row in enumerate(rows):
        refused = Text(f"{row.quarantined:,}", style="yellow" if row.quarantined else "")
        more = [cells[index] for cells in shown.values()]
        _add(table, row.name, _rate(row.rate), f"{row.total:,}", _lag(row.lag_s), refused, *more)
    return table


def _flags(flagged: Mapping[str, int]) -> str:
    """Return flags by their kind: which field is out of range is for the metrics to say."""
    kinds: Counter[str] = Counter()
    for flag, number in flagged.items():
        kinds[flag.partition(":")[0]] += number
    return _counts(kinds)


def _counts(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{word} {number:,}" for word, number in sorted(numbers.items()) if number)


def _agreements(rows: Sequence[AgreementRow]) -> Table:
    table = _table("agreement", "recipient", "out", "total", "withheld", numbers=(2, 3))
    for row in rows:
        _add(table, row.name, row.recipient, _rate(row.rate), f"{row.total:,}", _counts(row.withheld))
    return table


def _roles(rows: Sequence[RoleRow]) -> Table:
    table = _table("role", "state", "restarts", "why", numbers=(2,))
    for row in rows:
        state = Text(row.state, style=_STYLES.get(row.state, "yellow"))
        # Why a role ended once is of no use after it came back.
        _add(table, row.name, state, str(row.restarts), row.reason if row.state != _WELL else "")
    return table


def _table(*columns: str, numbers: Sequence[int]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index in numbers else "left", overflow="fold")
    return table


def _add(table: Table, *cells: str | Text) -> None:
    """Add a row; what a role said may look like rich's markup and is none."""
    table.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in cells))


def _rate(per_second: float) -> str:
    return f"{per_second:,.0f}/s"


def _lag(seconds: float | None) -> str:
    return _UNKNOWN if seconds is None else f"{seconds:.1f} s"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


def _because(row: RoleRow) -> str:
    return f" ({row.reason})" if row.reason else ""
