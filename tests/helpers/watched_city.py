"""The demonstration city at work, sensors and all, under the eyes of a Prometheus."""

import contextlib
import os
import shlex
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from ecosystem import Ecosystem, until
from prometheus import Prometheus, prometheus

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
if str(EXAMPLES) not in sys.path:
    sys.path.insert(0, str(EXAMPLES))

import demo  # noqa: E402 - the example's own script

CITY = EXAMPLES / "smart-city"


@dataclass(frozen=True)
class WatchedCity:
    """The ecosystem, and what watches it."""

    home: Ecosystem
    watch: Prometheus

    def wait_for(self, expression: str, timeout_s: float = 60.0) -> None:
        """Return when a query has a value above 0."""
        until(lambda: any(value > 0 for _, value in self.watch.query(expression)), expression, timeout_s)

    def knock_without_token(self, source: str) -> int:
        """Ask at an HTTP source as nobody; return the status."""
        url = f"{self.home.facts(f'connectors-{source}')['url']}/v1/datasets/{source}/events"
        request = urllib.request.Request(url, b"{}", {"Content-Type": "application/json"}, method="POST")  # noqa: S310 - http
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as refused:
            return int(refused.code)


@contextlib.contextmanager
def watched_city(folder: Path, rate: int, rules: str = "") -> Iterator[WatchedCity]:
    """The city below `folder`, fed `rate` messages a second, while the block runs."""
    home = Ecosystem(folder / "city")
    demo.copy(CITY, home.directory)
    feed = shlex.join([sys.executable, str(CITY / "sensors.py"), "--rate", str(rate)])
    with demo.mqtt(home.directory) as env, patch.dict(os.environ, env), home.up("--feed", feed) as up:
        up.wait_in_force()
        with prometheus(folder / "prometheus", home.run / "prometheus-targets.json", rules) as watch:
            yield WatchedCity(home, watch)
