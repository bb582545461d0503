"""The faults of one worker and of its way to Kafka."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from threading import Event
from typing import Any

from nemesis import PATIENCE_S, Nemesis, Tally, signalled
from schedule import END_TXN, PRODUCE, TXN_OFFSET_COMMIT
from world import World, now_ms

from penstock.ops.processes import dying_with_parent
from penstock.ops.slot import RoleState

POINT_S = 20.0
REPLAY_S = 20.0
PAGE_S = 10.0
KEYS = {"end": END_TXN, "produce": PRODUCE, "offsets": TXN_OFFSET_COMMIT}
CUT_OFF: dict[str, dict[str, object]] = {
    "cut": {"cut": True},
    "mute_up": {"mute_up": True},
    "mute_down": {"mute_down": True},
    "delay": {"delay_ms": 200},
}


class WorkerNemesis(Nemesis):
    """The faults of one worker."""

    def __init__(self, world: World, tally: Tally, over: Event, number: int) -> None:
        super().__init__(world, tally, over)
        self.number = number

    def _method(self, kind: str) -> Callable[..., object]:
        if kind in CUT_OFF:
            return lambda for_s: self.cut_off(kind, for_s)
        if kind.partition("_")[0] in KEYS:
            return lambda: self.replay(kind)
        return super()._method(kind)

    # --- ends ---

    def worker_kill(self, *, ready: bool) -> bool:
        """Kill -9 at a moment drawn by lot; sometimes before the worker before it has begun to commit."""
        pid = self._committing() if ready else self.wait(self._pid, PATIENCE_S)
        if not pid or not signalled(pid, signal.SIGKILL):
            return False
        return self._recovered("worker_kill", now_ms())

    def crash_point(self, *, point: str, times: int) -> bool:
        """Let the worker kill itself at a named point."""
        pid, orders = self._committing(), self.world.orders(self.number)
        if not pid:
            return False
        orders.write_text(f"{point} kill {times}\n")
        signalled(pid, signal.SIGUSR1)
        ended = self.wait(lambda: not alive(pid), POINT_S)
        at_ms = now_ms()
        orders.write_text("")
        if not ended:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGUSR1)
            return False
        reason = self.wait(lambda: self._ended_by(pid), 5) or ""
        return "signal 9" in reason and self._recovered("crash_point", at_ms, point=point, times=times)

    def clock(self, *, step_s: int, for_s: float) -> bool:
        """Let the worker's clock jump, and after a while jump back."""
        pid, partitions = self._committing(), self.world.watch.owned(self.number)
        at_ms = now_ms()
        if not pid or not self._ordered(pid, f"clock {step_s * 1000}"):
            return False
        self.over.wait(for_s)
        self._ordered(self._pid() or pid, "")
        return self._healed("clock", at_ms, partitions, step_s=step_s)

    def _ordered(self, pid: int, order: str) -> bool:
        """Let a worker's process read an order; a later one of its slot reads it when it begins."""
        self.world.orders(self.number).write_text(order)
        return signalled(pid, signal.SIGUSR1)

    def zombie(self) -> bool:
        """Stop the worker, let another take its slot, let the first go on: it must end, and nothing of it be seen."""
        pid = self._committing()
        if not pid or not signalled(pid, signal.SIGSTOP):
            return False
        at_ms, epoch, partitions = now_ms(), self.world.watch.epoch(self.number), self.world.watch.owned(self.number)
        with self._successor() as successor:
            taken = self.wait(lambda: self.world.watch.epoch(self.number) > epoch, PATIENCE_S)
            on_ms = now_ms()
            signalled(pid, signal.SIGCONT)
            # Stopped while it held the store's lock, it keeps its successor waiting, too: then it is no zombie.
            reason = self.wait(lambda: self._ended_by(pid), PATIENCE_S) if taken else ""
            if taken:
                self._judge_zombie(epoch, on_ms, reason)
                self._judge_successor(successor)
            healed = now_ms()
            moved = self.world.watch.after(healed, partitions, PATIENCE_S)
        self._have_own_page()
        self._note("zombie", at_ms, partitions, healed, epoch=epoch, continued_ms=on_ms, reason=reason, moved_ms=moved)
        return bool(taken and reason)

    def _have_own_page(self) -> None:
        """The slot's worker and the zombie's successor write one page; where the successor was last, begin anew."""
        if self.wait(lambda: self.world.serving(self.number), PAGE_S) is None:
            signalled(self.world.state(self.world.name(self.number)).pid or 0, signal.SIGKILL)

    def _judge_zombie(self, epoch: int, on_ms: int, reason: str | None) -> None:
        name = self.world.name(self.number)
        if reason is None:
            self.tally.wrong.append(f"{name}: the zombie did not end")
        elif "exit code 0" in reason:
            self.tally.wrong.append(f"{name}: the zombie ended as if all was well")
        if any(one.epoch == epoch and one.seen_ms > on_ms + 1000 for one in tuple(self.world.watch.commits)):
            self.tally.wrong.append(f"{name}: the zombie committed")

    def _judge_successor(self, successor: "subprocess.Popen[bytes]") -> None:
        """The supervisor started the slot again when the zombie ended: its successor is one now, too."""
        if self.wait(lambda: successor.poll() is not None, PATIENCE_S) is None and not self.over.is_set():
            self.tally.wrong.append(f"{self.world.name(self.number)}: two workers live in one slot")

    @contextlib.contextmanager
    def _successor(self) -> "Iterator[subprocess.Popen[bytes]]":
        """Run another worker in the same slot."""
        with (self.world.run / "logs" / f"successor-{self.number}.log").open("ab") as log:
            process = subprocess.Popen(
                dying_with_parent(self.world.worker_argv(self.number), signal.SIGKILL),
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
            )
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    # --- the way to Kafka ---

    def cut_off(self, kind: str, for_s: float) -> bool:
        """Let nothing through, or one way only, or all of it late."""
        at_ms, partitions = now_ms(), self.world.watch.owned(self.number)
        self.world.proxy.mode(self.number, **CUT_OFF[kind])
        self.over.wait(for_s)
        self.world.proxy.mode(self.number)
        return self._healed("network", at_ms, partitions, mode=kind)

    def reset(self, key: int | None = None) -> bool:
        """Break off in the middle of a request."""
        at_ms, partitions = now_ms(), self.world.watch.owned(self.number)
        self.world.proxy.order("reset", self.number, key=key)
        sprung = self.wait(lambda: self.world.proxy.order("told", self.number).get("sprung"), REPLAY_S)
        self.world.proxy.order("forget", self.number)
        return bool(sprung) and self._healed("network", at_ms, partitions, mode="reset", key=key)

    def reset_produce(self) -> bool:
        return self.reset(PRODUCE)

    def replay(self, kind: str) -> bool:
        """Hold a request, let the client think what it likes, deliver it into a later transaction."""
        if not self._committing():
            return False
        what, _, how = kind.partition("_")
        at_ms, partitions = now_ms(), self.world.watch.owned(self.number)
        self.world.proxy.order("hold", self.number, key=KEYS[what], cut=how == "reset", after=2)
        told: dict[str, Any] = self.wait(self._delivered, REPLAY_S + 10) or {}
        self.world.proxy.order("forget", self.number)
        return bool(told) and self._healed("replay", at_ms, partitions, case=kind, answer=told.get("answer"))

    def _delivered(self) -> dict[str, Any] | None:
        told = self.world.proxy.order("told", self.number)
        return told if "answer" in told else None

    # --- waiting and noting ---

    def _pid(self) -> int | None:
        return self.world.serving(self.number)

    def _committing(self) -> int | None:
        """Return the worker's process once it commits."""
        found: int | None = self.wait(self._now_committing, PATIENCE_S)
        return found

    def _now_committing(self) -> int | None:
        state = self._state()
        return self._pid() if self.world.watch.last(self.number) > state.since * 1000 else None

    def _state(self) -> RoleState:
        return self.world.state(self.world.name(self.number))

    def _ended_by(self, pid: int) -> str | None:
        """Return why a process ended, once the supervisor knows."""
        state = self._state()
        return state.reason or "?" if state.pid != pid else None

    def _recovered(self, kind: str, at_ms: int, **more: Any) -> bool:
        partitions, epoch = self.world.watch.owned(self.number), self.world.watch.epoch(self.number)
        moved = self.world.watch.after(at_ms, partitions, PATIENCE_S, epoch)
        self.world.note(
            kind=kind, worker=self.number, at_ms=at_ms, healed_ms=at_ms, partitions=partitions, moved_ms=moved, **more
        )
        return True

    def _healed(self, kind: str, at_ms: int, partitions: list[int], **more: Any) -> bool:
        healed = now_ms()
        moved = self.world.watch.after(healed, partitions, PATIENCE_S)
        self._note(kind, at_ms, partitions, moved_ms=moved, healed=healed, **more)
        return True

    def _note(self, kind: str, at_ms: int, partitions: list[int], healed: int = 0, **more: Any) -> None:
        self.world.note(
            kind=kind, worker=self.number, at_ms=at_ms, healed_ms=healed or now_ms(), partitions=partitions, **more
        )


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
