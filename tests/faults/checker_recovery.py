"""How long streams stood still: from a fault to the next commit of what waited in its partitions.

Clocks: the bench's for the fault, the broker's for the commit (append time of the marker); both are one machine's.
"""

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from checker_evidence import Evidence

WORKERS = frozenset(("worker_kill", "crash_point"))
BROKERS = frozenset(("broker_kill", "one_of_three"))
DISTURBING = BROKERS | {"pause", "storm", "network", "replay", "zombie", "store", "state_full"}
"""What a worker's recovery is not measured beside: how long Kafka was away is Kafka's."""

NOT_BESIDE: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(WORKERS, DISTURBING),
    **dict.fromkeys(BROKERS, DISTURBING | WORKERS | {"clock"}),
}
"""By kind of fault, beside what else its recovery is counted apart: a worker killed, stopped or cut off for ten seconds
while Kafka comes back takes its own time."""

LOOKED_MS = 60_000
"""So long the bench looked for what it never saw move again."""

PER_MILLE = 1000


def recoveries(evidence: Evidence, faults: Iterable[Mapping[str, Any]]) -> dict[str, list[float]]:
    """Return seconds by kind of fault, sorted.

    A worker killed again before it had recovered counts once, from the last kill. Kills of workers and brokers while
    something else was broken, or on its way back, are kept apart: their kind ends in `_overlapping`.
    """
    faults = sorted(faults, key=lambda one: one["at_ms"])
    commits = commits_of(evidence)
    found: dict[str, list[float]] = defaultdict(list)
    for number, fault in enumerate(faults):
        whole = max(fault["at_ms"], fault.get("healed_ms") or 0)
        moved = moved_ms(evidence, commits, fault, whole)
        if moved is None or killed_again(fault, moved, faults[number + 1 :]):
            continue
        kind = fault["kind"] + ("_overlapping" if overlaps(fault, moved, faults) else "")
        found[kind].append((moved - fault["at_ms"]) / PER_MILLE)
    return {kind: sorted(times) for kind, times in found.items()}


def commits_of(evidence: Evidence) -> dict[int, list[tuple[int, int]]]:
    """Return, by partition, (when committed, end) of each transaction, in that order."""
    found: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for audit in evidence.audits:
        if audit.visible:
            for partition, (_, end) in audit.ranges.items():
                found[partition].append((audit.entry.attempt.ended_ms, end))
    return {partition: sorted(times) for partition, times in found.items()}


def moved_ms(
    evidence: Evidence, commits: Mapping[int, list[tuple[int, int]]], fault: Mapping[str, Any], whole_ms: int
) -> int | None:
    """Return when the last of its partitions moved again; None: no input waited there until then."""
    times = []
    for partition in fault.get("partitions") or (range(len(commits)) if fault["kind"] not in WORKERS else ()):
        done = commits.get(partition, [])
        after = bisect_left(done, (fault["at_ms"], 0))
        reached = max((end for _, end in done[:after]), default=0)
        waits = next((one for offset, one in evidence.inputs[partition].items() if offset >= reached), None)
        # What came in only after the fault was over tells of no recovery.
        if waits is not None and waits.at_ms <= whole_ms and after < len(done):
            times.append(done[after][0])
    return max(times, default=None)


def killed_again(fault: Mapping[str, Any], moved: int, later: Iterable[Mapping[str, Any]]) -> bool:
    return fault["kind"] in WORKERS and any(
        one["kind"] in WORKERS and one.get("worker") == fault.get("worker") and one["at_ms"] < moved for one in later
    )


def overlaps(fault: Mapping[str, Any], moved: int, faults: Iterable[Mapping[str, Any]]) -> bool:
    """Say whether something else that `NOT_BESIDE` names was broken, or on its way back, while this one recovered."""
    apart = NOT_BESIDE.get(fault["kind"], frozenset())
    return any(
        one is not fault and one["kind"] in apart and one["at_ms"] < moved and over_ms(one) > fault["at_ms"]
        for one in faults
    )


def over_ms(fault: Mapping[str, Any]) -> int:
    """Return when the bench saw everything move again."""
    return int(fault.get("moved_ms") or (fault.get("healed_ms") or fault["at_ms"]) + LOOKED_MS)


def percentile(values: Sequence[float], share: float) -> float | None:
    """Return the smallest value that at least `share` of them do not exceed; None of none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None
