"""The checker: what was lost, repeated, put out of order, torn or leaked in a run of the fault bench.

    python tests/faults/checker.py RUN_DIR

It reads the input journal, what a read_committed client sees, and the raw segments, while the broker runs and the
workers do not. The oracle (tests/oracle) is the judge of what is owed.
"""

import contextlib
import gc
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import checker_leaks
from checker_court import Court
from checker_evidence import Evidence, Producer, producer_of
from checker_findings import KINDS, Findings
from checker_opening import Keyring
from checker_recovery import WORKERS, percentile, recoveries
from checker_run import LANES, OFFSETS, Run

__all__ = ["KINDS", "check", "main"]


def check(folder: Path) -> dict[str, Any]:
    """Return the number of violations of each kind, the places of the first, and how long streams stood still."""
    started = time.monotonic()
    with uncollected():
        return {**_checked(folder), "checked_in_s": round(time.monotonic() - started, 1)}


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Millions of objects, all of which live to the end, are not looked through for garbage meanwhile."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _checked(folder: Path) -> dict[str, Any]:
    run, findings = Run.at(folder), Findings()
    evidence = Evidence(run, findings)
    Court(evidence, findings).sit()
    Keyring(evidence, findings).check()
    for place in hung(evidence):
        findings.add("hung", place)
    checker_leaks.search(run, findings)
    stood_still = recoveries(evidence, run.faults())
    of_workers = sorted(one for kind in WORKERS for one in stood_still.get(kind, ()))
    return {
        **findings.by_kind(),
        "examples": findings.examples,
        "records": sum(map(len, evidence.inputs.values())),
        "transactions": sum(one.visible for one in evidence.audits),
        "aborted": evidence.aborted(),
        "recovery_p99_s": percentile(of_workers, 0.99),
        "recoveries": {kind: summary(times) for kind, times in stood_still.items()},
        "stood_still_s": {
            "worker": of_workers,
            "broker": stood_still.get("broker_kill", []),
            "broker_overlapping": stood_still.get("broker_kill_overlapping", []),
            "one_of_three": stood_still.get("one_of_three", []),
            "one_of_three_overlapping": stood_still.get("one_of_three_overlapping", []),
        },
    }


def hung(evidence: Evidence) -> Iterator[str]:
    """Yield partitions on which a transaction of a lane's producer is still open."""
    run = evidence.run
    ours = producers(evidence)
    for topic in (*run.outputs, run.prefix + LANES, OFFSETS):
        for partition, log in run.logs(topic).items():
            if any(topic != OFFSETS or (one.pid, one.epoch) in ours for one in log.open.values()):
                yield f"{topic}/{partition}"


def producers(evidence: Evidence) -> set[Producer]:
    return {producer_of(one.entry) for one in evidence.audits}


def summary(times: list[float]) -> dict[str, Any]:
    return {
        "number": len(times),
        "p50_s": percentile(times, 0.50),
        "p95_s": percentile(times, 0.95),
        "p99_s": percentile(times, 0.99),
        "most_s": times[-1],
    }


def main() -> int:
    """Print the result as JSON; 1 when anything was found."""
    result = check(Path(sys.argv[1]).resolve())
    print(json.dumps(result, indent=1))  # noqa: T201 - a command for people
    return int(any(result[kind] for kind in KINDS))


if __name__ == "__main__":
    sys.exit(main())
