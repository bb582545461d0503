"""The tutorial is run as it stands: every command, and what it says one then sees."""

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```(sh|text)( \w+)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PATIENCE_S = 90
BASH = "/bin/bash"


@dataclass(frozen=True)
class Step:
    """Commands, how they are run, and the text that must then be seen."""

    commands: str
    how: str
    seen: list[str]


def steps() -> list[Step]:
    found: list[Step] = []
    for kind, how, body in BLOCK.findall((ROOT / "docs" / "tutorial.md").read_text()):
        if kind == "sh":
            found.append(Step(body, how.strip(), []))
        else:
            found[-1].seen.extend(body.strip().splitlines())
    return found


@pytest.fixture
def place(kafka_installed: None, tmp_path: Path) -> Path:
    """A directory in which the clone's programs are found where the tutorial says."""
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    return tmp_path


@pytest.mark.timeout(300)
def test_the_tutorial_runs_as_written(place: Path) -> None:
    found = steps()
    assert len(found) >= 10
    environment = {**os.environ, "PATH": f"{place}/.venv/bin:{os.environ['PATH']}", "COLUMNS": "200"}
    running: list[subprocess.Popen[str]] = []
    try:
        for step in found:
            if step.how == "background":
                running.append(start(step, place, environment))
            else:
                run(step, place, environment)
    finally:
        for process in running:
            os.killpg(process.pid, signal.SIGINT)
            assert process.wait(20) in {0, 130}


def run(step: Step, place: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(
        [BASH, "-euc", step.commands],
        cwd=place, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert (done.returncode != 0) == (step.how == "fails"), done.stdout + done.stderr
    for line in step.seen:
        assert re.search(pattern(line), done.stdout + done.stderr), f"{line!r} is not in:\n{done.stdout}{done.stderr}"


def start(step: Step, place: Path, environment: dict[str, str]) -> "subprocess.Popen[str]":
    log = place / "background.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [BASH, "-euc", f"exec {step.commands}"],
            cwd=place, env=environment, stdout=out, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip
    deadline = time.monotonic() + PATIENCE_S
    while not all(re.search(pattern(line), log.read_text()) for line in step.seen):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.2)
    return process


def pattern(line: str) -> str:
    """Return what to look for: a rate is another one on every machine, and `…` stands for anything."""
    return re.sub(r"\d+/s", r"[\\d,]+/s", re.escape(line)).replace("…", ".+")
