"""The command behind `up --feed`: it is told where to publish, its failure is told, nothing of it is left."""

import os
import sys
import time
from pathlib import Path

import pytest
from city_world import CITY
from ecosystem import gone, until

from penstock.ops.documents.load import load
from penstock.ops.feeding import Feed, feeding
from penstock.ops.slot import RoleState
from penstock.ops.wiring import Wiring
from penstock.schemas.errors import ConfigurationError, PenstockError


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "feed.log"


def python(text: str, log: Path) -> Feed:
    return Feed([sys.executable, "-c", text], os.environ, log)


def test_a_feed_that_ends_well_has_ended(log: Path) -> None:
    feed = python("print('all sent')", log)
    until(feed.ended, "it does not end", 20)
    feed.stop()
    assert log.read_text() == "all sent\n"


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("print('first'); print('no broker\\n'); raise SystemExit(4)", 4, "exit code 4: no broker"),
        ("raise SystemExit(3)", 3, "exit code 3: it said nothing"),
        ("import os; os.kill(os.getpid(), 9)", 137, "exit code -9: it said nothing"),
    ],
)
def test_a_feed_that_fails_is_told_with_its_exit_code_and_last_line(log: Path, text: str, code: int, said: str) -> None:
    feed = python(text, log)
    with pytest.raises(PenstockError, match=said) as caught:
        until(feed.ended, "it does not end", 20)
    assert caught.value.exit_code == code
    feed.stop()


def test_stopping_a_feed_ends_it_and_what_it_started_within_seconds(log: Path) -> None:
    text = (
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    feed = python(text, log)
    child = int(until(lambda: log.exists() and log.read_text().endswith("\n") and log.read_text(), "no child", 20))
    started = time.monotonic()
    feed.stop()
    assert time.monotonic() - started < 8
    until(lambda: gone([child]), "its child is left", 5)


@pytest.mark.parametrize("command", ["'", "no-such-program-here -n 1"])
def test_what_is_no_command_is_refused(tmp_path: Path, command: str) -> None:
    with (
        pytest.raises(ConfigurationError, match="--feed"),
        feeding(command, load(CITY), Wiring(_bare_ecosystem(tmp_path)), list),
    ):
        pass


def test_a_source_that_cannot_run_is_told_at_once(tmp_path: Path) -> None:
    failed = RoleState("connectors-air-quality", None, "failed", 0, 0.0, "KALDVERE_MQTT is not set")
    with (
        pytest.raises(ConfigurationError, match="the source air-quality cannot run: KALDVERE_MQTT is not set"),
        feeding(sys.executable, load(CITY), Wiring(_bare_ecosystem(tmp_path)), lambda: [failed]),
    ):
        pass


def _bare_ecosystem(directory: Path) -> Path:
    (directory / "ecosystem.yaml").write_text((CITY / "ecosystem.yaml").read_text())
    return directory


def test_without_a_command_there_is_no_feed(tmp_path: Path) -> None:
    with feeding("", load(CITY), Wiring(_bare_ecosystem(tmp_path)), list) as feed:
        assert feed is None
