"""The supervisor: keeps the role processes of one machine running, and leaves none behind."""

import contextlib
import threading
import time
from collections.abc import Sequence

from ..schemas.errors import ConfigurationError, UnavailableError
from .slot import RoleCommand, RoleState, Slot
from .spare import Spares

__all__ = ["RoleCommand", "RoleState", "Supervisor"]

TICK_S = 0.05
STOP_S = 10.0
SPARE_AFTER_S = 0.5
"""So long after the last start of a role a spare process is loaded: not beside one that is loading."""
_KILL_S = 1.0  # of STOP_S: for killing and reaping
_RESERVE_S = 3.0  # of STOP_S: for the roles that stop after the ones that hang


class Supervisor:
    """Starts roles in order, starts again those that end, stops them in reverse order.

    One thread of its own does all of it: the kernel kills a role when the thread that started it ends, and this one
    lives until the last role is gone. So the roles end with this process, also on `kill -9`. It signals only processes
    that it started and has not reaped.
    """

    def __init__(self, commands: Sequence[RoleCommand]) -> None:
        self._spares = Spares(-(-sum(command.from_spare for command in commands) // 2))
        self._slots = [Slot(command, self._spares) for command in commands]
        self._stopping = threading.Event()
        self._stop_by = 0.0
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)

    def start(self) -> None:
        """Start the roles. Returns at once; see `wait_ready`."""
        self._thread.start()

    def wait_ready(self, timeout_s: float) -> None:
        """Return when every role runs.

        Raises ConfigurationError when one was given up, UnavailableError when the time is over.
        """
        deadline = time.monotonic() + timeout_s
        while (states := self.snapshot()) and any(role.state != "running" for role in states):
            if failed := [role for role in states if role.state == "failed"]:
                raise ConfigurationError(f"the role {failed[0].name} cannot run: {failed[0].reason}")
            if time.monotonic() > deadline:
                late = next(role for role in states if role.state != "running")
                raise UnavailableError(
                    f"the role {late.name} is still {late.state} after {timeout_s:.0f} s",
                    place=str(self._log(late.name)),
                    remedy=late.reason,
                )
            time.sleep(TICK_S)

    def snapshot(self) -> tuple[RoleState, ...]:
        """Return every slot as it is now, in starting order. Raises what ended the supervisor, should anything."""
        if self._error is not None:
            raise self._error
        return tuple(slot.snapshot for slot in self._slots)

    def stop(self, within_s: float = STOP_S) -> None:
        """Stop every role, hard where asking does not help; returns when none is left, within `within_s`."""
        self._stop_by = time.monotonic() + within_s
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _log(self, name: str) -> object:
        return next(slot.command.log for slot in self._slots if slot.command.name == name)

    def _run(self) -> None:
        try:
            while not self._stopping.wait(TICK_S):
                self._tend()
            self._stop()
        except BaseException as error:  # noqa: BLE001 - handed to whoever looks; this thread has no caller
            self._error = error
        finally:
            self._spares.close()
            for slot in reversed(self._slots):
                slot.close()

    def _tend(self) -> None:
        behind = False  # a role that the next ones need, and that does not serve yet
        for slot in self._slots:
            if slot.snapshot.state != "waiting":
                slot.tend()
            elif not behind:
                slot.start()
            behind = behind or (slot.command.ready is not None and slot.snapshot.state != "running")
        if not behind:
            self._tend_spares()

    def _tend_spares(self) -> None:
        if time.monotonic() - max(slot.started for slot in self._slots) > SPARE_AFTER_S:
            with contextlib.suppress(OSError):  # no process to be had: roles come first
                self._spares.prepare()

    def _stop(self) -> None:
        waves = self._waves()
        for number, wave in enumerate(waves):
            reserve = _RESERVE_S if number < len(waves) - 1 else 0.0
            for slot in wave:
                slot.terminate()
            until = max(self._stop_by - _KILL_S - reserve, time.monotonic() + 0.2)
            while time.monotonic() < until and not all(slot.has_ended() for slot in wave):
                time.sleep(TICK_S / 5)
            for slot in wave:
                slot.close()

    def _waves(self) -> list[list[Slot]]:
        """Return the slots in stopping order; a role that others waited for stops alone, after all of them."""
        waves: list[list[Slot]] = [[]]
        for slot in reversed(self._slots):
            if slot.command.ready:
                waves += [[slot], []]
            else:
                waves[-1].append(slot)
        return [wave for wave in waves if wave]
