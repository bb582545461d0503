"""What a lane's program costs an event, without Kafka: `LaneProgram.process` alone, with keys in memory.

Batches of warm subjects, each window the same events; the median of the windows, in microseconds of processor time an
event. With --profile the functions that the time goes to, with --agreements N copies of W1's first agreement.

    python benchmarks/lane.py [--batch N] [--windows N] [--workload w0|w1] [--back-end B] [--profile]
                             [--agreements N]
"""

import argparse
import cProfile
import json
import os
import pstats
import statistics
import sys
import time

from programs import back_ends, lane_program
from workloads import DATASETS, Workload, copies, payments, workload

from penstock.ops.clock import now_ms
from penstock.ops.store.memory import MemoryKeyStore
from penstock.processors.outcome import Input
from penstock.processors.served import WorkerKeys

SUBJECTS = 2_000
PROFILED = 35


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=2_000)
    parser.add_argument("--windows", type=int, default=5)
    parser.add_argument("--workload", choices=sorted(DATASETS))
    parser.add_argument("--agreements", type=int, default=0)
    parser.add_argument("--back-end", choices=back_ends())
    parser.add_argument("--profile", action="store_true")
    arguments = parser.parse_args()
    figures: dict[str, dict[str, float]] = {}
    for back_end in [arguments.back_end] if arguments.back_end else back_ends():
        for name in [arguments.workload] if arguments.workload else sorted(DATASETS):
            lane = Lane(chosen(name, arguments.agreements), arguments.batch, back_end)
            figures.setdefault(back_end, {})[name] = lane.measured(arguments.windows)
            if arguments.profile:
                lane.profile()
    print(json.dumps({"us_per_event": figures}))


def chosen(name: str, agreements: int) -> Workload:
    return copies(name, f"{DATASETS[name]}-a", agreements) if agreements else workload(name)


class Lane:
    """One workload's program and one batch for it."""

    def __init__(self, what: Workload, batch: int, back_end: str) -> None:
        keys = WorkerKeys(MemoryKeyStore(), "bench")
        self._program = lane_program(what.generation, what.dataset, keys, None, back_end)
        self._program.make_ready()
        events = payments(batch, warm=SUBJECTS)
        self._batch = [Input(number % what.partitions, number, one.value) for number, one in enumerate(events)]
        self.process()  # everybody of it has keys from here on

    def process(self) -> None:
        outcome = self._program.process(self._batch, now_ms(), {}, os.urandom)
        if outcome.refused:
            raise SystemExit(f"refused: {outcome.refused[0].reason}, {outcome.refused[0].detail}")

    def measured(self, windows: int) -> float:
        """Return the median microseconds of an event."""
        return round(statistics.median(self._window() for _ in range(windows)), 2)

    def _window(self) -> float:
        started = time.process_time()
        self.process()
        return (time.process_time() - started) * 1e6 / len(self._batch)

    def profile(self) -> None:
        profile = cProfile.Profile()
        profile.runcall(self.process)
        pstats.Stats(profile, stream=sys.stderr).sort_stats("tottime").print_stats(PROFILED)


if __name__ == "__main__":
    main()
