"""Parts that measure events a second: W0 and W1 with every engine, and the sweeps over one thing at a time."""

import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engines import ENGINES, Engine, Settings, why_absent
from rows import Row, Rows
from running import FailedError, Running
from stand import Stand
from workloads import WARM_SUBJECTS, Workload, copies, workload

from penstock.schemas.safeguard import Encrypt, Omit, Pass, Safeguard

TRIED_S = 3.0
LARGE, LARGE_RECORDS = 10_000, 300
WORKERS = (1, 2)
OURS = ("penstock", "penstock_native")
FEW_SUBJECTS = 2_000
AGREEMENTS = (1, 10, 50, 200)
SIZES = (100, 1_000, 10_000, 100_000)
ENCRYPTED = (0, 2, 4, 8)
OF_SHARE = (
    "payee_name", "payee_address", "office", "region", "tax_cents", "net_cents", "currency", "remark",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Terms:
    """How much is measured."""

    events: int
    windows: int
    seconds: float
    engines: Sequence[str]
    subjects: int = WARM_SUBJECTS


def say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def present(names: Sequence[str]) -> list[Engine]:
    """Return the engines that can run here; of the others it is said why they cannot."""
    found = []
    for name in names:
        why = why_absent(name)
        if why:
            say(f"{name} is left out: {why}")
        else:
            found.append(ENGINES[name])
    return found


def ours() -> list[str]:
    """Return the exchange's back ends that are here."""
    return [name for name in OURS if not why_absent(name)]


# --- W0 and W1 ---


def all_engines(name: str, rows: Rows, terms: Terms) -> None:
    """Measure every engine on one workload: settings first, then windows in turns."""
    engines = present(terms.engines)
    with tempfile.TemporaryDirectory() as folder:
        what = workload(name)
        say(f"{name}: {terms.events:,} events are written, keys of {terms.subjects:,} subjects made")
        with Stand(what, Path(folder), terms.events, warm_subjects=terms.subjects) as stand:
            for engine in engines:
                _try_settings(stand, engine, rows)
            for number, engine, workers in _turns(engines, terms.windows):
                if not rows.has(kind="window", engine=engine.name, workers=workers, number=number):
                    chosen = best_settings(rows, engine)
                    row = _measured(stand, engine, chosen, workers, terms.seconds)
                    rows.add({"kind": "window", "number": number, **row})


def _turns(engines: Sequence[Engine], windows: int) -> Iterator[tuple[int, Engine, int]]:
    """Yield the windows in an order in which no engine always has the same one before it."""
    for number in range(windows):
        start = number % len(engines) if engines else 0
        for workers in WORKERS:
            for engine in (*engines[start:], *engines[:start]):
                yield number, engine, workers


def _try_settings(stand: Stand, engine: Engine, rows: Rows) -> None:
    for settings in engine.tried:
        if not rows.has(kind="tried", engine=engine.name, settings=dict(settings)):
            rows.add({"kind": "tried", **_measured(stand, engine, settings, 1, TRIED_S)})


def best_settings(rows: Rows, engine: Engine) -> Settings:
    """Return the settings that gave most when they were tried."""
    tried = [row for row in rows.of(kind="tried", engine=engine.name) if row.get("events_per_s")]
    return max(tried, key=lambda row: row["events_per_s"])["settings"] if tried else engine.tried[0]


def _measured(stand: Stand, engine: Engine, settings: Settings, workers: int, seconds: float) -> Row:
    """Return one window's row; one that failed says why and has no figures."""
    row: Row = {"engine": engine.name, "workers": workers, "settings": dict(settings)}
    try:
        with Running(stand, engine, settings, workers) as running:
            row |= running.window(engine.warm_up_s, seconds).record()
        seen = f"{row['events_per_s']:,.0f} events/s, {row['mb']:.0f} MB"
    except FailedError as failure:
        seen = row["failed"] = str(failure)[-400:]
    say(f"  {engine.name}, {workers} at work, {dict(settings)}: {seen}")
    return row


# --- sweeps ---


def _sweep(rows: Rows, at: Row, make: Callable[[Path], Stand], names: Sequence[str], terms: Terms) -> None:
    """Measure a few engines at one point of a sweep, in turns."""
    engines = [ENGINES[name] for name in names]
    wanted = [(number, one) for number in range(terms.windows) for one in engines]
    left = [(number, one) for number, one in wanted if not rows.has(engine=one.name, number=number, **at)]
    if not left:
        return
    say(f"{rows.part} {at}")
    with tempfile.TemporaryDirectory() as folder, make(Path(folder)) as stand:
        for number, engine in left:
            settings = fitting(engine, stand.size)
            row = _measured(stand, engine, settings, at.get("workers", 1), terms.seconds)
            rows.add({**row, **at, "number": number})


def fitting(engine: Engine, size: int) -> Settings:
    """Return an engine's first settings, with fewer records in a transaction where they are large."""
    first = engine.tried[0]
    return {**first, "records": LARGE_RECORDS} if size >= LARGE and "records" in first else first


def agreements(rows: Rows, terms: Terms) -> None:
    """One agreement and many, each with a view of its own: what one more costs."""
    for kind, fields in (("encrypting", plain_amounts()), ("plain", {**plain_amounts(), **nothing_encrypted()})):
        for count in AGREEMENTS:
            events = min(terms.events, max(8_000, terms.events // count))
            what = copies("w1", "benefits-a", count, fields)
            _sweep(rows, {"kind": kind, "agreements": count}, _stand(what, events), ["ceiling", *ours()], terms)


def plain_amounts() -> dict[str, Safeguard]:
    return {"gross_cents": Pass(do="pass", reason="measured as it is")}


def nothing_encrypted() -> dict[str, Safeguard]:
    return {"payee_name": Omit(do="omit"), "payee_address": Omit(do="omit")}


def record_size(rows: Rows, terms: Terms) -> None:
    """Small events and large ones, W1's agreements."""
    for size in SIZES:
        events = min(terms.events, 400_000_000 // size)
        _sweep(rows, {"bytes": size}, _stand(workload("w1"), events, size), ["ceiling", *ours()], terms)


def encrypted(rows: Rows, terms: Terms) -> None:
    """One agreement that encrypts more and more of the thirteen fields."""
    for count in ENCRYPTED:
        chosen: dict[str, Safeguard] = {name: Pass(do="pass", reason="measured as it is") for name in OF_SHARE}
        chosen |= plain_amounts() | dict.fromkeys(OF_SHARE[:count], Encrypt(do="encrypt"))
        what = copies("w1", "benefits-a", 1, chosen)
        _sweep(rows, {"encrypted": count}, _stand(what, terms.events), ["ceiling", *ours()], terms)


def workers(rows: Rows, terms: Terms) -> None:
    """One to three workers on W1."""
    for count in (1, 2, 3):
        _sweep(rows, {"workers": count}, _stand(workload("w1"), terms.events), ["ceiling", *ours()], terms)


def cold(rows: Rows, terms: Terms) -> None:
    """Subjects that were never seen before, every one of them: keys are made for each event."""
    events = min(terms.events, 60_000)

    def make(folder: Path) -> Stand:
        return Stand(workload("w1"), folder, events, warm_subjects=events * 50, warmed=False)

    for number in range(terms.windows):
        for name in ours():  # each on a store of its own: a second one would find what the first one made
            _sweep(rows, {"store": f"{name}-{number}"}, make, [name], replace(terms, windows=1))


def _stand(what: Workload, events: int, size: int = 0) -> Callable[[Path], Stand]:
    return lambda folder: Stand(what, folder, events, warm_subjects=FEW_SUBJECTS, size=size)
