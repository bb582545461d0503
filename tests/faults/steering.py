"""Processes beside the bench that take orders: the proxy, the writer, and a member that joins and leaves the group."""

import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent


class Helper:
    """A script of this folder as a process; it ends when its standard input does."""

    def __init__(self, script: str, *words: object, log: Path) -> None:
        self._log = log.open("ab")
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / script), *map(str, words)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            process_group=0,
        )

    def say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def hear(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def end(self, patience_s: float = 30.0) -> int:
        """Let it finish; return its exit code."""
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        try:
            return self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
        finally:
            self._log.close()


class ProxyHands:
    """Gives the proxy orders; several threads may."""

    def __init__(self, upstream: Sequence[int], ports: Sequence[int], log: Path) -> None:
        ways = [f"{port}:{behind}" for port, behind in zip(ports, upstream, strict=True)]
        self._helper = Helper("proxy.py", *ways, log=log)
        self._lock = threading.Lock()
        assert json.loads(self._helper.hear())["listening"] == list(ports)

    def mode(self, lane: int, **mode: object) -> None:
        """Let a lane be so from now on; what is not named is as if nothing was wrong."""
        whole = {"cut": False, "mute_up": False, "mute_down": False, "delay_ms": 0}
        self.order("mode", lane, **{**whole, **mode})

    def order(self, do: str, lane: int, **more: object) -> dict[str, Any]:
        with self._lock:
            self._helper.say(json.dumps({"do": do, "lane": lane, **more}))
            found: dict[str, Any] = json.loads(self._helper.hear())
            return found

    def end(self) -> None:
        self._helper.end()
