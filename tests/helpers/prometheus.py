"""A real Prometheus for a test: it scrapes what a targets file names, once a second, and evaluates rules as often."""

import contextlib
import json
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from promtool import needed

from penstock.ops.targets import prometheus_config

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))

Labels = dict[str, str]


@dataclass(frozen=True)
class Prometheus:
    """Where it listens."""

    url: str

    def ask(self, path: str, **parameters: Any) -> Any:
        words = urllib.parse.urlencode(parameters)
        with _OPENER.open(f"{self.url}/api/v1/{path}?{words}", timeout=10) as answer:
            return json.load(answer)["data"]

    def query(self, expression: str) -> list[tuple[Labels, float]]:
        """The newest value of each series."""
        found = self.ask("query", query=expression)["result"]
        return [(one["metric"], float(one["value"][1])) for one in found]

    def over(self, expression: str, seconds: int, step: int = 1) -> list[tuple[Labels, list[float]]]:
        """The values of each series in the last `seconds`."""
        now = time.time()
        found = self.ask("query_range", query=expression, start=now - seconds, end=now, step=step)["result"]
        return [(one["metric"], [float(value) for _, value in one["values"]]) for one in found]

    def firing(self) -> dict[tuple[str, str], list[dict[str, Labels]]]:
        """What fires now, by alert and severity: labels and annotations of each."""
        found: dict[tuple[str, str], list[dict[str, Labels]]] = {}
        for one in self.ask("alerts")["alerts"]:
            if one["state"] == "firing":
                found.setdefault((one["labels"]["alertname"], one["labels"]["severity"]), []).append(one)
        return found


@contextlib.contextmanager
def prometheus(folder: Path, targets: Path, rules: str = "") -> Iterator[Prometheus]:
    """Prometheus below `folder` while the block runs."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rules.yml").write_text(rules)
    named = ("rules.yml",) if rules else ()
    (folder / "prometheus.yml").write_text(prometheus_config(targets, scrape_seconds=1, rules=named))
    port = _free_port()
    command = [
        needed("prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "prometheus.log").open("ab") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder)
    try:
        _wait_ready(f"http://127.0.0.1:{port}", process, folder)
        yield Prometheus(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(20)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _wait_ready(url: str, process: "subprocess.Popen[bytes]", folder: Path) -> None:
    deadline = time.monotonic() + 30
    while True:
        assert process.poll() is None, (folder / "prometheus.log").read_text()[-2000:]
        with contextlib.suppress(OSError):
            _OPENER.open(f"{url}/-/ready", timeout=2).close()
            return
        assert time.monotonic() < deadline, "Prometheus does not get ready"
        time.sleep(0.05)
