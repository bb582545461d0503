"""`make test`: every test, on two processes those that promise no time, then those that do, with nothing beside them.

Words after it go to pytest. Where they name tests (a path, or `-m`), these alone run, in one process.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PYTEST = (sys.executable, "-m", "pytest", "-c", "tests/pytest.ini", "--rootdir=tests")
SHARED_OUT = ("tests", "-m", "not tier and not alone", "-n", "2", "--no-loadscope-reorder")
ALONE = ("tests", "-m", "alone")
NONE_FOUND, INTERRUPTED = 5, 2


def names_tests(words: Sequence[str]) -> bool:
    """Say whether `words` say which tests are meant."""
    paths = [word.partition("::")[0] for word in words if not word.startswith("-")]
    return "-m" in words or any((ROOT / path).exists() for path in paths)


def parts(words: Sequence[str]) -> list[list[str]]:
    """Return what pytest is told, run by run."""
    return [list(words)] if names_tests(words) else [[*part, *words] for part in (SHARED_OUT, ALONE)]


def verdict(codes: Sequence[int]) -> int:
    """Return the exit code of the whole: the first that is bad; no tests in a part is bad only when in all of them."""
    bad = [code for code in codes if code not in {0, NONE_FOUND}]
    return bad[0] if bad else min(codes)


def run(words: Sequence[str]) -> int:
    """Run the tests; return the exit code."""
    codes: list[int] = []
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PENSTOCK_TEST_TIMES": str(Path(folder) / "times.json")}
        for part in parts(words):
            codes.append(subprocess.run([*PYTEST, *part], cwd=ROOT, env=environment, check=False).returncode)
            if codes[-1] == INTERRUPTED:
                break
    return verdict(codes)


if __name__ == "__main__":
    try:
        sys.exit(run(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
