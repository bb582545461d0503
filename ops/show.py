"""`up` as people see it: the live table, or one delivery with its summary."""

import contextlib
import signal
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Event
from types import FrameType
from typing import Any

from rich.console import Console

from .feeding import Feed, feeding
from .summary import summary
from .up import Running, Say, deliver_all, running
from .watch import Display, Watch, Watched

TICK_S = 0.1


def show_live(directory: Path, say: Say, *, unsigned: bool, feed: str = "") -> None:
    """Run until Ctrl-C or SIGTERM, showing what happens. Raises PenstockError when the command `feed` fails."""
    with (
        _signals() as told,
        running(directory, say, unsigned=unsigned) as run,
        _feeding(run, feed) as fed,
        _display(run, Console()) as display,
    ):
        run.totals.catch_up()
        told.may_wait = True
        while not told.stop.wait(TICK_S):
            display.tick()
            if fed:
                fed.ended()


def deliver_once(directory: Path, say: Say, *, unsigned: bool, feed: str = "") -> Mapping[str, Any]:
    """Deliver the input that is there, or what the command `feed` sends until it ends, and return the summary.

    Progress is shown on standard error. Raises PenstockError when the command fails.
    """
    started = time.monotonic()
    with _signals(), running(directory, say, unsigned=unsigned) as run:
        with _feeding(run, feed) as fed, _display(run, Console(stderr=True)) as display:
            while fed and not fed.ended():
                display.tick()
                time.sleep(TICK_S)
            deliver_all(run, display.tick)
            display.show()
        return summary(run.totals, run.put.applied.generation.agreements, time.monotonic() - started)


def _feeding(run: Running, command: str) -> contextlib.AbstractContextManager[Feed | None]:
    return feeding(command, run.documents, run.wiring, run.supervisor.snapshot)


@contextlib.contextmanager
def _display(run: Running, console: Console) -> Iterator[Display]:
    with Display(watch_of(run), console) as display:
        yield display


def watch_of(run: Running) -> Watch:
    """Return the watch over what runs."""
    generation = run.put.applied.generation
    watched = Watched(
        ecosystem=run.documents.ecosystem.title,
        run=run.wiring.home.run,
        datasets=sorted(generation.contracts),
        recipients={key: held.agreement.recipient for key, held in sorted(generation.agreements.items())},
        generation=run.generation,
        unsigned=run.put.unsigned,
        roles=run.supervisor.snapshot,
        lags=run.lags.latest,
        totals=run.totals,
    )
    return Watch(watched)


class _Told:
    """What Ctrl-C and SIGTERM do: they interrupt what is at work, or set `stop` where somebody looks at it soon."""

    def __init__(self) -> None:
        self.stop = Event()
        self.may_wait = False

    def tell(self, _number: int, _frame: FrameType | None) -> None:
        if not self.may_wait or self.stop.is_set():
            raise KeyboardInterrupt
        self.stop.set()


@contextlib.contextmanager
def _signals() -> Iterator[_Told]:
    told = _Told()
    before = {number: signal.signal(number, told.tell) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
