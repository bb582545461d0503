"""One role's slot: the process in it, started again when it ends, given up when a restart cannot help."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from ..schemas.errors import ConfigurationError, DocumentError, PenstockError
from .processes import dying_with_parent
from .spare import Spares

State = Literal["waiting", "starting", "running", "restarting", "failed", "stopped"]

GIVE_UP = frozenset((DocumentError.exit_code, ConfigurationError.exit_code))
BACKOFF_FIRST_S = 0.1
BACKOFF_MOST_S = 5.0
HEALTHY_AFTER_S = 30.0
_TAIL_BYTES = 8192


@dataclass(frozen=True, slots=True)
class RoleCommand:
    """A role as a process. `argv` begins with an absolute path; `env` None: the supervisor's; output goes to `log`.

    `ready` says whether the role serves others: with one, the roles after it start only then and stop before it. It is
    asked often and must answer quickly; an OSError or PenstockError of its means no. `from_spare`: when it is started
    again, a spare process may become it; then `argv` is `[python, "-m", "penstock", *words]`.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] | None
    log: Path
    ready: Callable[[], bool] | None = None
    from_spare: bool = False


@dataclass(frozen=True, slots=True)
class RoleState:
    """A slot at one moment. `since`: when this state began, seconds since the epoch; `reason`: of the last end."""

    name: str
    pid: int | None
    state: State
    restarts: int
    since: float
    reason: str = ""


class Slot:
    """A role's place. All methods but `snapshot` are for one thread, which must outlive the process (see `start`)."""

    def __init__(self, command: RoleCommand, spares: Spares) -> None:
        self.command = command
        self._spares = spares
        self._process: subprocess.Popen[bytes] | None = None
        self._shown = RoleState(command.name, None, "waiting", 0, time.time())
        self._backoff_s = BACKOFF_FIRST_S
        self._started = 0.0
        self._due = 0.0
        self._log_start = 0
        self._has_served = False

    @property
    def started(self) -> float:
        """When the process was started last, by the monotonic clock."""
        return self._started

    @property
    def snapshot(self) -> RoleState:
        return self._shown

    def start(self) -> None:
        """Start the process in a group of its own, so that Ctrl-C does not reach it.

        The kernel kills it when the thread that calls this ends, however that comes about; a role that can do better
        softens this to SIGTERM by `die_with_parent`.
        """
        self._started = time.monotonic()
        try:
            self.command.log.parent.mkdir(parents=True, exist_ok=True)
            with self.command.log.open("ab") as log:
                self._log_start = log.tell()
                self._process = self._spawn(log)
        except OSError as error:  # no space, no process to be had: the next try may do better
            self._again(f"it cannot be started ({error.strerror})")
            return
        self._show("starting" if self.command.ready else "running", self._process.pid)

    def tend(self) -> None:
        """Do what is due: see whether the process ended, whether it is ready, whether to start it again."""
        state = self._shown.state
        if state in ("starting", "running"):
            if self.has_ended():
                self._ended()
            elif state == "starting" and self._is_ready():
                self._has_served = True
                self._show("running", self._shown.pid)
        elif state == "restarting" and time.monotonic() >= self._due:
            self.start()

    def terminate(self) -> None:
        """Ask the process to end; it has not been reaped, so the signal cannot reach a stranger."""
        if self._process is not None:
            os.kill(self._process.pid, signal.SIGTERM)

    def has_ended(self) -> bool:
        """Say whether no process of ours runs here; leaves one that ended unreaped."""
        if self._process is None:
            return True
        ended = os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        return ended is not None

    def close(self) -> None:
        """End the process, now, with whatever is left in its group."""
        self._reap()
        if self._shown.state != "failed":
            self._show("stopped", None)

    def _spawn(self, log: IO[bytes]) -> "subprocess.Popen[bytes]":
        command = self.command
        ready = self._spares.become(command.argv[3:], command.env, command.log) if command.from_spare else None
        return ready or self._spawn_anew(log)

    def _spawn_anew(self, log: IO[bytes]) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            dying_with_parent(self.command.argv, signal.SIGKILL),
            env=None if self.command.env is None else dict(self.command.env),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            process_group=0,
        )

    def _is_ready(self) -> bool:
        try:
            return self.command.ready is None or self.command.ready()
        except (OSError, PenstockError):
            return False

    def _ended(self) -> None:
        code = self._reap()
        reason = (self._said() if code > 0 else "") or _how(code)
        # What stops one that served others before may pass, such as a disk that is full.
        if code in GIVE_UP and not self._has_served:
            self._show("failed", None, reason)
        else:
            self._again(reason)

    def _again(self, reason: str) -> None:
        if time.monotonic() - self._started >= HEALTHY_AFTER_S:
            self._backoff_s = BACKOFF_FIRST_S
        self._due = time.monotonic() + self._backoff_s
        self._backoff_s = min(self._backoff_s * 2, BACKOFF_MOST_S)
        self._show("restarting", None, reason, restarts=self._shown.restarts + 1)

    def _reap(self) -> int:
        """Kill what is left of the process's group, then reap it: until then nobody else can have its number."""
        process, self._process = self._process, None
        if process is None:
            return 0
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            process.kill()
        return process.wait()

    def _said(self) -> str:
        """Return the last line that the process wrote."""
        with self.command.log.open("rb") as log:
            end = log.seek(0, os.SEEK_END)
            log.seek(max(self._log_start, end - _TAIL_BYTES))
            lines = log.read().decode(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return last.removeprefix("penstock: ")

    def _show(self, state: State, pid: int | None, reason: str | None = None, *, restarts: int | None = None) -> None:
        before = self._shown
        self._shown = RoleState(
            before.name,
            pid,
            state,
            before.restarts if restarts is None else restarts,
            time.time(),
            before.reason if reason is None else reason,
        )


def _how(code: int) -> str:
    return (
        f"it ended with exit code {code}"
        if code >= 0
        else f"it was ended by signal {-code} ({signal.strsignal(-code)})"
    )
