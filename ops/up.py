"""`penstock up`: everything an ecosystem needs on one machine, until told to stop or until the input is delivered."""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ..processors.back_end import back_end
from ..schemas.ecosystem import NamedCluster
from ..schemas.errors import UnavailableError
from ..schemas.generation import Generation
from ..schemas.lanes import lane_group
from ..streams.control import ControlReader
from ..streams.lag import LagProbe
from ..streams.settings import Cluster
from ..streams.topics import ensure, own_topics
from ..streams.totals import Totals
from .access.credentials import leave_for
from .access.syncing import Lapses
from .broker.embedded import install
from .documents.load import Documents
from .lags import Lags
from .opening import bring_opening_consents
from .places import lanes_of, remember
from .plant import commands, forget
from .putting import PutInForce, fit_documents, put_in_force, refuse_unsigned
from .supervisor import Supervisor
from .targets import withdraw
from .wiring import Wiring

START_S = 120.0
STOP_S = 8.0
STALL_S = 120.0
Say = Callable[[str], None]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Running:
    """An ecosystem that runs."""

    directory: Path
    documents: Documents
    wiring: Wiring
    supervisor: Supervisor
    put: PutInForce
    totals: Totals
    lags: Lags
    control: ControlReader

    def generation(self) -> int:
        """Return the number of what is in force now."""
        self.control.poll()
        return self.control.in_force().number

    def input_waits(self) -> bool:
        """Say whether a file source still has a file that was not taken."""
        sources = self.documents.connectors.sources
        folders = (self.directory / one.path for one in sources if one.kind == "file" and one.path)
        return any(_is_input(file) for folder in folders if folder.is_dir() for file in folder.iterdir())


@contextlib.contextmanager
def running(directory: Path, say: Say, *, unsigned: bool) -> Iterator[Running]:
    """Start everything, put the documents in force, give what runs; stop everything at the end, within 10 s."""
    documents = fit_documents(directory)
    refuse_unsigned(documents, unsigned=unsigned)
    back_end(documents.ecosystem.exchange.back_end)  # whether the one that is named can run
    wiring = Wiring(directory)
    if not isinstance(documents.ecosystem.cluster, NamedCluster):
        install()
    forget(wiring.home)
    supervisor = Supervisor(commands(documents, wiring.home))
    supervisor.start()
    try:
        say("starting " + ", ".join(one.name for one in supervisor.snapshot()))
        supervisor.wait_ready(START_S)
        run = _opened(directory, documents, wiring, supervisor, say, unsigned=unsigned)
        # Our own clients let go before Kafka goes.
        with run.lags, Lapses(wiring), contextlib.closing(run.totals), contextlib.closing(run.control):
            yield run
    finally:
        supervisor.stop(STOP_S)
        withdraw(wiring.home.run)


def _opened(  # noqa: PLR0913 - the parts of what runs
    directory: Path, documents: Documents, wiring: Wiring, supervisor: Supervisor, say: Say, *, unsigned: bool
) -> Running:
    cluster = wiring.cluster()
    ensure(cluster, own_topics())
    brought = bring_opening_consents(directory, wiring)
    if brought:
        say(f"{brought} consents that the example brings along are recorded")
    put = patiently(lambda: put_in_force(directory, unsigned=unsigned, checked=documents), say)
    say(put.sentence())
    if not isinstance(documents.ecosystem.cluster, NamedCluster):
        wiring.issue_missing_tokens(sorted({one.recipient for one in documents.agreements.values()}))
        leave_for(wiring, [one.id for one in documents.charter.members])
    remember(wiring.home, put.applied.generation)
    probes = _probes(wiring, put.applied.generation, documents)
    return Running(directory, documents, wiring, supervisor, put, Totals(cluster), Lags(probes), _control(cluster))


def patiently(ask: Callable[[], T], say: Say, within_s: float = START_S, pause_s: float = 1.0) -> T:
    """Return what `ask` returns; ask again while who was started just now does not answer in time, and say so.

    Raises what `ask` raises: UnavailableError only after `within_s`.
    """
    deadline = time.monotonic() + within_s
    while True:
        try:
            return ask()
        except UnavailableError as late:
            if time.monotonic() > deadline:
                raise
            say(f"waiting: {late}")
            time.sleep(pause_s)


def _probes(wiring: Wiring, generation: Generation, documents: Documents) -> dict[str, LagProbe]:
    """Return a probe for each lane, by dataset; of lanes beside the first, by dataset and number."""
    return {
        f"{key}.lane-{lane}" if lane else key: LagProbe(
            wiring.cluster(), one.topic, lane_group(wiring.ecosystem.id, one.topic, lane), one.partitions
        )
        for key, one in documents.contracts.items()
        for lane in lanes_of(generation, key)
    }


def _control(cluster: Cluster) -> ControlReader:
    reader = ControlReader(cluster)
    reader.catch_up()
    return reader


def deliver_all(run: Running, tick: Callable[[], None]) -> None:
    """Return when all input is published and dealt with; call `tick` meanwhile.

    Raises UnavailableError when nothing moves for too long.
    """
    moved, last = time.monotonic(), -1
    while True:
        tick()
        run.totals.poll()
        done = sum(one.processed + one.published for one in run.totals.datasets.values())
        if done != last:
            moved, last = time.monotonic(), done
        elif time.monotonic() - moved > STALL_S:
            reasons = "; ".join(one.reason for one in run.supervisor.snapshot() if one.reason)
            raise UnavailableError(
                f"nothing was delivered for {STALL_S:.0f} s", remedy=reasons or "see the logs below .penstock/run"
            )
        if not run.input_waits() and _idle(run):
            return
        time.sleep(0.1)


def _idle(run: Running) -> bool:
    """Say whether the exchange has dealt with everything that was published.

    No input waits, so what is published is in the audit log, and it tells of every record that the exchange took.
    """
    run.totals.catch_up()
    behind = any(one.processed < one.published for one in run.totals.datasets.values())
    return not behind and all(lag == 0.0 for lag in run.lags.latest().values())


def _is_input(file: Path) -> bool:
    return (
        file.is_file()
        and not file.is_symlink()
        and not file.name.startswith(".")
        and file.suffix not in {".part", ".tmp"}
    )
