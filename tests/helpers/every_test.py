"""`make test`: each folder's tests in a process of its own, two at a time; then, one by one, those that promise a time.

A process of its own: a Kafka client that a test abandoned, as roles do at their end, goes on until the process ends,
and hundreds of them slow down whatever comes after. Words after it go to pytest. Where they name tests (a path, or
`-m`), these alone run, in one process.
"""

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tally import Tally

ROOT = Path(__file__).resolve().parents[2]
PYTEST = (sys.executable, "-m", "pytest", "-c", "tests/pytest.ini", "--rootdir=tests")
SHARED_OUT, ALONE = "not tier and not alone", "alone"
AT_ONCE = 2
LONG = ("walk", "streams", "law7", "faults", "generated", "lanes", "smart_city", "gateway", "broker", "benchmarks")
"""Folders that take longest. Begun last, they would be waited for at the end."""
NONE_FOUND = 5


@dataclass(frozen=True)
class Unit:
    """A run of pytest: a folder's tests under a marker expression."""

    folder: str
    marker: str

    def words(self) -> tuple[str, ...]:
        return f"tests/{self.folder}", "-m", self.marker


def folders() -> list[str]:
    """Return the folders that hold tests, in the order in which they are to begin."""
    found = sorted({file.parent.name for file in (ROOT / "tests").glob("*/test_*.py")})
    rank = {folder: number for number, folder in enumerate(LONG)}
    return sorted(found, key=lambda folder: rank.get(folder, len(rank)))


def promises_a_time(folder: str) -> bool:
    """Say whether a folder has tests that are to be measured with nothing beside them."""
    return any("mark.alone" in file.read_text() for file in (ROOT / "tests" / folder).glob("test_*.py"))


def names_tests(words: Sequence[str]) -> bool:
    """Say whether `words` say which tests are meant."""
    paths = [word.partition("::")[0] for word in words if not word.startswith("-")]
    return "-m" in words or any((ROOT / path).exists() for path in paths)


class Everything:
    """Runs units and keeps what came of them. `kept` is an empty folder."""

    def __init__(self, kept: Path, words: Sequence[str]) -> None:
        self._kept = kept
        self._words = words
        self._say = threading.Lock()
        self._codes: list[int] = []
        self._tallies: list[Tally] = []

    def run(self) -> int:
        """Run all; return the exit code."""
        began = time.monotonic()
        with ThreadPoolExecutor(AT_ONCE) as hands:
            list(hands.map(self._one, (Unit(one, SHARED_OUT) for one in folders())))
        for folder in filter(promises_a_time, folders()):
            self._one(Unit(folder, ALONE))
        self._sum_up(time.monotonic() - began)
        return verdict(self._codes)

    def _one(self, unit: Unit) -> None:
        file = self._kept / f"{unit.folder}-{unit.marker == ALONE}.json"
        done = subprocess.run(
            [*PYTEST, *unit.words(), *self._words],
            cwd=ROOT,
            env={**os.environ, "PENSTOCK_TEST_TALLY": str(file)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        tally = Tally.read(file)
        if done.returncode not in {0, 1, NONE_FOUND}:
            tally.failed.append(f"{unit.folder}: pytest ended with exit code {done.returncode}")
        with self._say:
            self._codes.append(done.returncode)
            self._tallies.append(tally)
            sys.stdout.buffer.write(b"\n" + done.stdout)
            sys.stdout.flush()

    def _sum_up(self, seconds: float) -> None:
        whole = Tally.of(self._tallies)
        failed = (f"FAILED {one}" for one in whole.failed)
        for line in (*whole.table(), f"{seconds:7.1f} s  passed meanwhile", *failed, whole.verdict()):
            sys.stdout.write(line + "\n")
        sys.stdout.flush()


def verdict(codes: Sequence[int]) -> int:
    """Return the exit code of the whole: the first that is bad; no tests in a part is bad only when in all of them."""
    bad = [code for code in codes if code not in {0, NONE_FOUND}]
    return bad[0] if bad else min(codes)


def run(words: Sequence[str]) -> int:
    """Run the tests; return the exit code."""
    if names_tests(words):
        return subprocess.run([*PYTEST, *words], cwd=ROOT, check=False).returncode
    with tempfile.TemporaryDirectory() as folder:
        return Everything(Path(folder), words).run()


if __name__ == "__main__":
    try:
        sys.exit(run(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
