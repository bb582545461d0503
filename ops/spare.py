"""A process that stands ready to become a role: it has loaded what roles need, and waits to be told which one to be.

Loading is what takes longest when a worker is started again; done before it is needed, streams stand still for less.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from .processes import dying_with_parent

WAITING = ("-m", "penstock.ops.roles.spare")


class Spares:
    """So many processes that wait. For one thread, which must outlive what comes of them (see `Slot.start`)."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._waiting: list[subprocess.Popen[bytes]] = []

    def prepare(self) -> None:
        """Start one more process that waits, where one is missing. Raises OSError when none can be had."""
        for ended in [one for one in self._waiting if one.poll() is not None]:
            self._waiting.remove(ended)
            _end(ended)
        if len(self._waiting) < self._number:
            self._waiting.append(
                subprocess.Popen(
                    dying_with_parent([sys.executable, *WAITING], signal.SIGKILL),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    process_group=0,
                )
            )

    def become(
        self, words: Sequence[str], env: Mapping[str, str] | None, log: Path
    ) -> "subprocess.Popen[bytes] | None":
        """Return a process that goes on as `penstock` with `words` and writes to `log`; None: there is none."""
        if not self._waiting:
            return None
        process = self._waiting.pop(0)
        if process.stdin is None:
            return None
        order = {"words": list(words), "env": dict(os.environ if env is None else env), "log": str(log)}
        try:
            process.stdin.write(json.dumps(order).encode() + b"\n")
            process.stdin.close()
        except BrokenPipeError:
            _end(process)
            return None
        return process

    def close(self) -> None:
        """End the processes that wait."""
        while self._waiting:
            _end(self._waiting.pop())


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.communicate()  # closes the pipe, too
