"""How `make test` runs the tests: what together, what alone, and what its exit code and table of times say."""

from pathlib import Path
from types import SimpleNamespace

import every_test
import pytest
from sharing_out import long_first, unit
from time_spent import TimeSpent


@pytest.mark.parametrize(
    ("codes", "whole"),
    [([0, 0], 0), ([0, 5], 0), ([5, 0], 0), ([5, 5], 5), ([1, 0], 1), ([0, 1], 1), ([5, 1], 1), ([2], 2), ([3, 1], 3)],
)
def test_a_part_that_fails_fails_the_whole(codes: list[int], whole: int) -> None:
    assert every_test.verdict(codes) == whole


def test_without_names_what_promises_a_time_runs_apart() -> None:
    first, second = every_test.parts(["-k", "word"])
    assert first[-2:] == second[-2:] == ["-k", "word"]
    assert "not tier and not alone" in first
    assert "alone" in second
    assert "-n" not in second


@pytest.mark.parametrize("words", [["tests/house"], ["tests/house/test_sharing_out.py::test_x", "-q"], ["-m", "tier"]])
def test_tests_that_are_named_run_as_they_are_named(words: list[str]) -> None:
    assert every_test.parts(words) == [words]


def test_a_folder_that_shares_a_world_goes_to_one_process_and_others_file_by_file() -> None:
    assert unit("access/test_a.py::test_x[a/b::c]") == unit("access/test_b.py::TestB::test_y") == "access"
    assert unit("walk/test_a.py::test_x") != unit("walk/test_b.py::test_x")


def test_what_takes_longest_begins_first_and_the_rest_stays_in_order() -> None:
    names = ["access/a", "broker/b", "smart_city/c", "walk/d", "walk/e"]
    items = long_first([SimpleNamespace(nodeid=name) for name in names])
    assert [item.nodeid for item in items] == ["walk/d", "walk/e", "smart_city/c", "access/a", "broker/b"]


def test_times_of_the_run_before_count_in_the_table(tmp_path: Path) -> None:
    kept = tmp_path / "times.json"
    first, second = TimeSpent(kept), TimeSpent(kept)
    first.add("walk/test_a.py::test_x", 2.0)
    first.add("tests/broker/test_b.py::test_x", 1.0)
    assert list(first.table()) == ["    2.0 s  walk", "    1.0 s  broker", "    3.0 s  all"]
    second.add("broker/test_b.py::test_y", 4.0)
    assert list(second.table()) == ["    5.0 s  broker", "    2.0 s  walk", "    7.0 s  all"]
