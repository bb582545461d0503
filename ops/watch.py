"""Watching what runs: rates from the roles' own metrics, totals from the audit log, states from the supervisor."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live

from ..streams.totals import AgreementTotals, DatasetTotals, Totals
from .health import ask, health_of
from .metrics import read_page
from .processes import read_status
from .slot import RoleState
from .table import AgreementRow, DatasetRow, RoleRow, Snapshot, line, render

REFRESH_S = 0.5
LINE_S = 5.0
RATE_OVER_S = 5.0
_ANSWER_S = 0.5
_IN, _OUT = "penstock_events_in_total", "penstock_events_released_total"

Counter = tuple[int, str, str]
"""A role's port, a metric's name, the value of its label."""
Sum = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Watched:
    """What runs. `recipients` by agreement; `lags` in seconds by dataset, None where not known."""

    ecosystem: str
    run: Path
    datasets: Sequence[str]
    recipients: Mapping[str, str]
    generation: Callable[[], int]
    unsigned: Sequence[str]
    roles: Callable[[], Iterable[RoleState]]
    lags: Callable[[], Mapping[str, float | None]]
    totals: Totals


class Rates:
    """Events per second over the last seconds, from counters that begin anew when their role is started again."""

    def __init__(self) -> None:
        self._last: dict[Counter, float] = {}
        self._gained: dict[Sum, float] = {}
        self._history: deque[tuple[float, Mapping[Sum, float]]] = deque()

    def update(self, counts: Mapping[Counter, float], now: float) -> None:
        """Take in the counters that answered; one that is missing did not move as far as anybody knows."""
        first = not self._history
        for counter, value in counts.items():
            before = self._last.get(counter, value if first else 0.0)
            gained = value - before if value >= before else value
            self._gained[counter[1:]] = self._gained.get(counter[1:], 0.0) + gained
            self._last[counter] = value
        self._history.append((now, dict(self._gained)))
        while len(self._history) > 2 and now - self._history[1][0] >= RATE_OVER_S:
            self._history.popleft()

    def of(self, name: str, label: str) -> float:
        """Return the rate of one counter, over all roles that have it."""
        if not self._history:
            return 0.0
        (begun, old), (now, new) = self._history[0], self._history[-1]
        gained = new.get((name, label), 0.0) - old.get((name, label), 0.0)
        return gained / (now - begun) if now > begun else 0.0


@dataclass(slots=True)
class Watch:
    """Makes snapshots. For one thread: it polls `totals`."""

    watched: Watched
    begun: float = field(default_factory=time.monotonic)
    _rates: Rates = field(default_factory=Rates)

    def snapshot(self) -> Snapshot:
        """Return everything as of now."""
        watched = self.watched
        states = tuple(watched.roles())
        ports = {state.name: _port(watched.run, state) for state in states}
        now = time.monotonic()
        self._rates.update(scrape(port for port in ports.values() if port), now)
        watched.totals.poll()
        lags = watched.lags()
        return Snapshot(
            ecosystem=watched.ecosystem,
            generation=watched.generation(),
            unsigned=watched.unsigned,
            up_s=now - self.begun,
            datasets=[self._dataset(name, lags.get(name)) for name in watched.datasets],
            agreements=[self._agreement(name, recipient) for name, recipient in watched.recipients.items()],
            roles=[_role(state, ports[state.name]) for state in states],
        )

    def _dataset(self, name: str, lag_s: float | None) -> DatasetRow:
        totals = self.watched.totals.datasets.get(name) or DatasetTotals()
        return DatasetRow(
            name,
            self._rates.of(_IN, name),
            totals.processed,
            lag_s,
            totals.quarantined,
            totals.duplicates,
            dict(totals.flagged),
            totals.unclassified,
        )

    def _agreement(self, name: str, recipient: str) -> AgreementRow:
        totals = self.watched.totals.agreements.get(name) or AgreementTotals()
        return AgreementRow(name, recipient, self._rates.of(_OUT, name), totals.delivered, dict(totals.withheld))


class Display:
    """Shows a watch on `console`: a live table on a terminal, elsewhere a line every few seconds.

    `tick` is cheap unless something is due; call it often.
    """

    def __init__(self, watch: Watch, console: Console) -> None:
        self._watch = watch
        self._console = console
        self._live = Live(console=console, auto_refresh=False, transient=False) if console.is_terminal else None
        self._due = 0.0

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def tick(self) -> None:
        """Show the present state if it is time."""
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + (REFRESH_S if self._live else LINE_S)
        self.show()

    def show(self) -> None:
        """Show the present state now."""
        snapshot = self._watch.snapshot()
        if self._live:
            self._live.update(render(snapshot), refresh=True)
        else:
            self._console.print(line(snapshot), soft_wrap=True, highlight=False, markup=False)


def scrape(ports: Iterable[int]) -> Mapping[Counter, float]:
    """Return the counters of events in and out, of the roles that answer."""
    counts: dict[Counter, float] = {}
    for port in ports:
        answer = ask(port, "/metrics", _ANSWER_S)
        page = read_page(answer[1]) if answer else {}
        for name, label in ((_IN, "dataset"), (_OUT, "agreement")):
            counts.update({(port, name, labels[label]): value for labels, value in page.get(name, ())})
    return counts


def _port(run: Path, state: RoleState) -> int | None:
    """Return where a role's process answers, unless the file is of an earlier one."""
    facts = read_status(run / f"{state.name}.json") or {}
    port = facts.get("port")
    return port if isinstance(port, int) and state.pid is not None and facts.get("pid") == state.pid else None


def _role(state: RoleState, port: int | None) -> RoleRow:
    """Return the supervisor's word on a role, and the role's own where it runs and is not well."""
    said = health_of(port, _ANSWER_S) if port and state.state == "running" else {}
    if said and said.get("state") != "running":
        return RoleRow(state.name, str(said["state"]), state.restarts, str(said["reason"]))
    return RoleRow(state.name, state.state, state.restarts, state.reason)
