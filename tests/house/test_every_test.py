"""How `make test` runs the tests: which apart, which alone, and what its exit code, sums and table of times say."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import every_test
import pytest
from tally import Tally


@pytest.mark.parametrize(
    ("codes", "whole"),
    [([0, 0], 0), ([0, 5], 0), ([5, 0], 0), ([5, 5], 5), ([1, 0], 1), ([0, 1], 1), ([5, 1], 1), ([2], 2), ([3, 1], 3)],
)
def test_a_part_that_fails_fails_the_whole(codes: list[int], whole: int) -> None:
    assert every_test.verdict(codes) == whole


def test_every_folder_with_tests_is_run_and_the_longest_begins() -> None:
    tests = Path(every_test.ROOT) / "tests"
    found = every_test.folders()
    assert sorted(found) == sorted({file.relative_to(tests).parts[0] for file in tests.rglob("test_*.py")})
    assert found[: len(every_test.LONG)] == list(every_test.LONG)


def test_what_promises_a_time_runs_apart() -> None:
    assert every_test.promises_a_time("law7")
    assert not every_test.promises_a_time("house")
    shared, alone = (every_test.Unit("law7", marker).words() for marker in (every_test.SHARED_OUT, every_test.ALONE))
    assert shared == ("tests/law7", "-m", "not tier and not alone")
    assert alone == ("tests/law7", "-m", "alone")


@pytest.mark.parametrize("words", [["tests/house"], ["tests/house/test_every_test.py::test_x", "-q"], ["-m", "tier"]])
def test_tests_that_are_named_run_as_they_are_named(words: list[str]) -> None:
    assert every_test.names_tests(words)


def test_words_that_name_no_tests_go_to_every_run() -> None:
    assert not every_test.names_tests(["-k", "word"])


def phase(nodeid: str, when: str, outcome: str, seconds: float) -> Any:
    kinds = {kind: outcome == kind for kind in ("passed", "failed", "skipped")}
    return SimpleNamespace(nodeid=nodeid, when=when, duration=seconds, **kinds)


def test_runs_are_summed_up(tmp_path: Path) -> None:
    first, second = Tally(), Tally()
    for when in ("setup", "call", "teardown"):
        first.add(phase("tests/walk/test_a.py::test_x", when, "passed", 1.0))
    first.add(phase("walk/test_a.py::test_y", "setup", "skipped", 0.5))
    second.add(phase("broker/test_b.py::test_z", "setup", "failed", 9.0))
    second.add(phase("walk/test_c.py::test_w", "call", "passed", 1.0))
    second.add(phase("walk/test_c.py::test_w", "teardown", "failed", 1.0))
    first.keep(tmp_path / "first.json")
    second.keep(tmp_path / "second.json")
    whole = Tally.of(Tally.read(tmp_path / name) for name in ("first.json", "second.json", "never ran.json"))
    assert list(whole.table()) == ["    9.0 s  broker", "    5.5 s  walk", "   14.5 s  all"]
    assert whole.failed == ["broker/test_b.py::test_z", "walk/test_c.py::test_w"]
    assert whole.verdict() == "tests: 1 passed, 2 failed, 1 skipped"
