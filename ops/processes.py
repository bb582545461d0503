"""Processes that end with their parent, and the small files that say which process runs."""

import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1

_THREADS = 17
"""Place of the number of threads in /proc/<pid>/stat, counted from the state."""

_TRAMPOLINE = (
    "import ctypes, os, sys\n"
    "parent, number, argv = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]\n"
    "if sys.platform == 'linux': ctypes.CDLL(None).prctl(1, number, 0, 0, 0)\n"
    "if os.getppid() != parent: sys.exit(1)\n"
    "os.execv(argv[0], argv)\n"
)


def die_with_parent(parent: int, number: int = signal.SIGTERM) -> None:
    """Asks the kernel to send `number` to this process when its parent ends; survives `os.execv`.

    `parent` is the process that should be it: if it has ended already, this process ends here. The kernel counts
    the *thread* that started us as the parent: start such processes from a thread that lives as long as they may.
    Only Linux can; elsewhere nothing happens.
    """
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(1)


def dying_with_parent(argv: Sequence[str], number: int = signal.SIGTERM) -> list[str]:
    """`argv` (with an absolute path first) as a command that dies with the process calling this.

    A small Python in between instead of subprocess's `preexec_fn`, which may deadlock in a process with threads.
    """
    return [sys.executable, "-I", "-S", "-c", _TRAMPOLINE, str(os.getpid()), str(int(number)), *argv]


def is_running(pid: int) -> bool:
    """Whether a process of this id runs.

    A zombie has ended and only waits for its parent, unless threads of it are still on their way out.
    """
    try:
        os.kill(pid, 0)
        facts = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    except FileNotFoundError:  # it ended just now, or this system has no /proc
        return sys.platform != "linux"
    state, threads = facts[0], int(facts[_THREADS])
    return state not in "ZX" or threads > 1


def write_status(path: Path, facts: dict[str, Any]) -> None:
    """A status file, replaced as a whole so that a reader never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.write_text(json.dumps(facts, sort_keys=True) + "\n", encoding="utf-8")
    fresh.replace(path)


def read_status(path: Path) -> dict[str, Any] | None:
    """What a status file says; None where there is none or it is damaged."""
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return facts if isinstance(facts, dict) else None
