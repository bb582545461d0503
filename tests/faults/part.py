"""One part of a tier: a world of its own, its faults, the end of the flow, the checker's verdict."""

import shutil
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from feeding import Feeder
from nemesis import CommonNemesis, Nemesis, Tally
from schedule import Fault, Tier, common, lanes, quiet
from worker_nemesis import WorkerNemesis
from world import PATIENCE_S, WORKERS, World

SAY_EVERY_S = 10.0
STALL_S = 90.0
Say = Callable[[str], None]


def say_to_stderr(line: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {line}\n")
    sys.stderr.flush()


class Part:
    """Runs once, in the thread that makes it."""

    common_nemesis: type[CommonNemesis] = CommonNemesis

    def __init__(self, run: Path, tier: Tier, seed: int, world: type[World] = World, say: Say = say_to_stderr) -> None:
        shutil.rmtree(run, ignore_errors=True)
        self.tier = tier
        self.seed = seed
        self.tally = Tally()
        self.world = world(run, seed)
        self._say = say
        self._over = threading.Event()

    def run(self, tier: str, part: int) -> dict[str, Any]:
        """Return what was done and found, by name."""
        started = time.monotonic()
        try:
            self.world.start()
            self.feeder = Feeder(self.world.writer, self.world.run / "input.jsonl", self.world.watch, self.tier.pace)
            assert self.world.watch.everything_moves(0, PATIENCE_S), "nothing flows, and nothing was broken yet"
            self._do_faults()
            self._flow_out()
            self.world.stop_workers()
            self.world.describe(tier, part, self.feeder.written)
            found = self._result(self._judged())
        finally:
            self._over.set()
            self.world.close()
        found["seconds"] = round(time.monotonic() - started)
        return found

    # --- the faults ---

    def _do_faults(self) -> None:
        workers = [
            threading.Thread(
                target=self._lane, args=(WorkerNemesis(self.world, self.tally, self._over, number), faults)
            )
            for number, faults in enumerate(lanes(self.tier, self.seed, WORKERS))
        ]
        for one in workers:
            one.start()
        self._lane(self.common_nemesis(self.world, self.tally, self._over), common(self.tier, self.seed))
        while any(one.is_alive() for one in workers):
            workers[0].join(SAY_EVERY_S / 3)
            self._progress()
        self.world.heal()
        for number, fault in enumerate(quiet(self.tier, self.seed)):
            self._lane(self._whose(fault, number), [fault])

    def _whose(self, fault: Fault, number: int) -> Nemesis:
        if fault.kind == "worker_kill":
            return WorkerNemesis(self.world, self.tally, self._over, number % WORKERS)
        return self.common_nemesis(self.world, self.tally, self._over)

    def _lane(self, nemesis: Nemesis, faults: list[Fault]) -> None:
        try:
            nemesis.run(faults, self._progress)
        except Exception as failure:
            self.tally.wrong.append(f"the bench: {type(failure).__name__}: {failure}")
            raise

    def _progress(self) -> None:
        now = time.monotonic()
        if now - getattr(self, "_said", 0.0) > SAY_EVERY_S:
            self._said = now
            done = " ".join(f"{kind}={count}" for kind, count in sorted(self.tally.done.items()))
            self._say(
                f"{self.feeder.written} records, {self.feeder.waiting} wait; {done}; missed {dict(self.tally.missed)}"
            )

    # --- the end ---

    def _flow_out(self) -> None:
        """Heal all, feed what is left of the records, and wait until each has been dealt with."""
        self.world.heal()
        self.feeder.hurry()
        self._wait(lambda: self.feeder.written >= self.tier.records)
        self.feeder.end()
        self._wait(lambda: self.feeder.waiting <= 0 and self.world.watch.aside() <= 0)

    def _wait(self, holds: Callable[[], bool]) -> None:
        """Return when it holds, or when nothing has moved for long: the checker will say what is missing."""
        moved, count = time.monotonic(), -1
        while not holds():
            if count != (count := self.world.watch.processed()):
                moved = time.monotonic()
            if time.monotonic() - moved > STALL_S:
                self.tally.wrong.append(f"nothing moves any more, {self.feeder.waiting} records wait")
                return
            self._progress()
            time.sleep(0.1)

    def _judged(self) -> dict[str, Any]:
        from checker import check

        self._say("checking")
        return dict(check(self.world.run))

    def _result(self, verdict: dict[str, Any]) -> dict[str, Any]:
        return {
            "seed": self.seed,
            "records": self.feeder.written,
            "done": dict(self.tally.done),
            "missed": dict(self.tally.missed),
            "wrong": self.tally.wrong,
            "recovery": verdict.pop("stood_still_s"),
            "examples": verdict.pop("examples"),
            "verdict": verdict,
        }
