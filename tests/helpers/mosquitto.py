"""A real MQTT broker of a test's own, on a free port; it can be killed and started again with what it kept."""

import os
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Self

import pytest


def mosquitto_program() -> str:
    """Where mosquitto is; without it the test is skipped, or fails under PENSTOCK_REQUIRE_ALL=1."""
    found = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if found is None:
        words = "mosquitto is not installed: apt-get install mosquitto"
        if os.environ.get("PENSTOCK_REQUIRE_ALL") == "1":
            pytest.fail(words)
        pytest.skip(words)
    return found


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Mosquitto:
    """`start`, `kill` (as a crash) and `stop` (it writes down what it holds); the port stays the same."""

    def __init__(self, folder: Path, *settings: str) -> None:
        self.port = free_port()
        self._program, self._folder = mosquitto_program(), folder
        folder.mkdir(parents=True, exist_ok=True)
        login = () if any("password_file" in one for one in settings) else ("allow_anonymous true",)
        lines = [
            f"listener {self.port} 127.0.0.1",
            *login,
            *settings,
            "max_queued_messages 0",
            "persistence true",
            f"persistence_location {folder}/",
            "autosave_interval 1",
            "user root" if os.geteuid() == 0 else "",
        ]
        self._config = folder / "mosquitto.conf"
        self._config.write_text("\n".join(lines) + "\n")
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        with (self._folder / "mosquitto.log").open("ab") as out:
            self._process = subprocess.Popen([self._program, "-c", str(self._config)], stdout=out, stderr=out)
        deadline = time.monotonic() + 20
        while not self._answers():
            assert self._process.poll() is None, (self._folder / "mosquitto.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def ends_of(self, client: str) -> int:
        """Return how many connections of `client` the broker has seen end, with a farewell or without."""
        log = (self._folder / "mosquitto.log").read_text()
        return len(re.findall(rf"Client {re.escape(client)} (?:disconnected|closed its connection)", log))

    def stop(self) -> None:
        self._end(subprocess.Popen.terminate)

    def kill(self) -> None:
        self._end(subprocess.Popen.kill)

    def _end(self, how: object) -> None:
        if self._process is not None:
            how(self._process)
            self._process.wait(10)
            self._process = None

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0
