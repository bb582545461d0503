"""`make bench`: throughput beside every peer, what one thing more costs, latency, memory. Parts, which can be resumed.

    python benchmarks/run.py [PART ...] [--events N] [--windows N] [--seconds S] [--engines A,B] [--report]

Parts: w0 w1 latency agreements record_size encrypted workers cold (measured, resumed where they were interrupted), and
walk defences bulkhead (scripts of their own). Without words: all of them, W1 last. Rows lie in .build/bench, tables and
pictures too. The last line is everything as JSON.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import throughput
from engines import BUILD, ENGINES
from latency import latency
from report import Report, last_line
from rows import Rows
from throughput import Terms, say
from workloads import WARM_SUBJECTS

Part = Callable[[Rows, Terms], None]

MEASURED: dict[str, Part] = {
    "w0": lambda rows, terms: throughput.all_engines("w0", rows, terms),
    "latency": latency,
    "agreements": throughput.agreements,
    "record_size": throughput.record_size,
    "encrypted": throughput.encrypted,
    "workers": throughput.workers,
    "cold": throughput.cold,
    "w1": lambda rows, terms: throughput.all_engines("w1", rows, terms),
}
ALONE = ("walk", "defences", "bulkhead")
EVENTS = {"w0": 600_000, "w1": 600_000}
SWEEP_EVENTS = 200_000
WINDOWS = {"w0": 5, "w1": 5, "latency": 3}
SWEEP_WINDOWS = 3
SECONDS = {"latency": 10.0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help="default: all")
    parser.add_argument("--events", type=int, help="in the provider topic, for each part")
    parser.add_argument("--windows", type=int, help="for each engine")
    parser.add_argument("--seconds", type=float, help="of a window")
    parser.add_argument("--engines", default=",".join(ENGINES), help="of w0 and w1")
    parser.add_argument("--subjects", type=int, default=WARM_SUBJECTS, help="that are warm in w1")
    parser.add_argument("--fresh", action="store_true", help="forget what these parts measured before")
    parser.add_argument("--report", action="store_true", help="measure nothing")
    arguments = parser.parse_args()
    unknown = set(arguments.parts) - {*MEASURED, *ALONE}
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    folder = BUILD / "rows"
    folder.mkdir(parents=True, exist_ok=True)
    if not arguments.report:
        for part in arguments.parts or [*ALONE, *MEASURED]:
            run(part, folder, arguments)
    report = Report(folder)
    print(report.text())
    say("written: " + ", ".join(str(file) for file in report.write()))
    print(last_line(report))


def run(part: str, folder: Path, arguments: argparse.Namespace) -> None:
    """Do one part, or what is left of it."""
    began = time.monotonic()
    if part in ALONE:
        subprocess.run([sys.executable, str(Path(__file__).with_name(f"{part}.py"))], check=True)
    else:
        if arguments.fresh:
            (folder / f"{part}.json").unlink(missing_ok=True)
        terms = terms_of(part, arguments)
        size = {"events": terms.events, "seconds": terms.seconds, "subjects": terms.subjects}
        MEASURED[part](Rows(folder, part, size), terms)
    say(f"{part}: {time.monotonic() - began:.0f} s")


def terms_of(part: str, arguments: argparse.Namespace) -> Terms:
    return Terms(
        events=arguments.events or EVENTS.get(part, SWEEP_EVENTS),
        windows=arguments.windows or WINDOWS.get(part, SWEEP_WINDOWS),
        seconds=arguments.seconds or SECONDS.get(part, 4.0),
        engines=arguments.engines.split(","),
        subjects=arguments.subjects,
    )


if __name__ == "__main__":
    main()
