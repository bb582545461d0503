"""Does the faults, one lane of them in order; here those of what all workers need: Kafka, the gateway, the store.

A fault counts when it happened: a kill that met a process, a request that was held and delivered late.
"""

import contextlib
import os
import resource
import signal
import sqlite3
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import Any

import events
from schedule import Fault
from steering import Helper
from world import World, now_ms

from penstock.schemas.lanes import lane_group

PATIENCE_S = 60.0
TRIES = 3


class Tally:
    """What happened, by kind; and what was found wrong on the way."""

    def __init__(self) -> None:
        self.done: Counter[str] = Counter()
        self.missed: Counter[str] = Counter()
        self.wrong: list[str] = []

    def count(self, kind: str, *, happened: bool) -> None:
        (self.done if happened else self.missed)[kind] += 1


class Nemesis:
    """One lane of faults, in order; `over` ends it early."""

    def __init__(self, world: World, tally: Tally, over: threading.Event) -> None:
        self.world = world
        self.tally = tally
        self.over = over

    def run(self, faults: Iterable[Fault], progress: Callable[[], None]) -> None:
        """Do all of them; what did not happen is tried again at the end, a few times."""
        waiting = deque((fault, TRIES) for fault in faults)
        while waiting and not self.over.wait(waiting[0][0].gap_s):
            fault, tries = waiting.popleft()
            happened = bool(self._method(fault.kind)(**fault.detail))
            self.tally.count(fault.kind, happened=happened)
            if not happened and tries > 1:
                waiting.append((fault, tries - 1))
            progress()

    def _method(self, kind: str) -> Callable[..., object]:
        return getattr(self, kind)  # type: ignore[no-any-return]

    def wait(self, holds: Callable[[], Any], patience_s: float) -> Any:
        """Return what `holds` returns as soon as it is true; None when it never is."""
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline and not self.over.is_set():
            if found := holds():
                return found
            time.sleep(0.02)
        return None


class CommonNemesis(Nemesis):
    """The faults of what all workers need. Runs in the thread that started Kafka."""

    def broker_kill(self, *, down_s: float) -> bool:
        """Kill Kafka -9 and start it again."""
        at_ms = now_ms()
        self.world.broker.kill()
        time.sleep(down_s)
        started_ms = now_ms()
        self.world.broker.start(PATIENCE_S)
        return self._healed("broker_kill", at_ms, started_ms=started_ms)

    def pause(self, *, for_s: float) -> bool:
        """Stop Kafka without ending it."""
        pid = self.world.broker.pid
        if pid is None:
            return False
        at_ms = now_ms()
        signalled(pid, signal.SIGSTOP)
        time.sleep(for_s)
        signalled(pid, signal.SIGCONT)
        return self._healed("pause", at_ms, for_s=for_s)

    def storm(self, *, for_s: float) -> bool:
        """Let a stranger join and leave the group every second, so that partitions move."""
        at_ms = now_ms()
        group = lane_group("fault-bench", events.TOPIC)
        stranger = Helper(
            "stranger.py", self.world.bootstrap, group, events.TOPIC, 1.0, log=self.world.run / "logs" / "stranger.log"
        )
        self.over.wait(for_s)
        stranger.end()
        return self._healed("storm", at_ms)

    def store_locked(self, *, for_s: float) -> bool:
        """Keep the store locked, so that no key can be made."""
        at_ms = now_ms()
        database = sqlite3.connect(self.world.home / ".penstock" / "store.db", isolation_level=None, timeout=10)
        with contextlib.closing(database):
            database.execute("BEGIN EXCLUSIVE")
            time.sleep(for_s)
            database.execute("ROLLBACK")
        return self._healed("store", at_ms, for_s=for_s)

    def state_full(self, *, for_s: float) -> bool:
        """Let no worker make a file longer, as on a full disk."""
        at_ms = now_ms()
        pids = [pid for number in range(3) if (pid := self.world.serving(number))]
        for pid in pids:
            _limit(pid, 0)
        time.sleep(for_s)
        for pid in pids:
            _limit(pid, resource.RLIM_INFINITY)
        return self._healed("state_full", at_ms, for_s=for_s)

    def view_small(self, *, for_s: float) -> bool:
        """Let a view topic take no record of any size: its agreement parks, and catches up once the topic is mended."""
        at_ms, view = now_ms(), f"view.{events.AGREEMENTS[0]}"
        self.world.set_topic(view, "max.message.bytes", "100")
        time.sleep(for_s)
        self.world.set_topic(view, "max.message.bytes", None)
        return self._healed("view_small", at_ms, for_s=for_s)

    def gateway_kill(self) -> bool:
        """Kill the gateway -9: the registry is away until the supervisor has it back."""
        at_ms, pid = now_ms(), self.world.state("gateway").pid
        return bool(pid) and signalled(pid or 0, signal.SIGKILL) and self._healed("gateway_kill", at_ms)

    def _healed(self, kind: str, at_ms: int, **more: Any) -> bool:
        healed = now_ms()
        moved = self.world.watch.everything_moves(healed, PATIENCE_S)
        partitions = list(range(events.PARTITIONS))
        self.world.note(
            kind=kind, worker=None, at_ms=at_ms, healed_ms=healed, moved_ms=moved, partitions=partitions, **more
        )
        return True


def signalled(pid: int, number: int) -> bool:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def _limit(pid: int, size: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
