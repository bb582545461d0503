"""docs/reliability.md names tests that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "reliability.md").read_text()
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def named(text: str) -> list[tuple[str, str]]:
    return NAMED.findall(text)


def exists(file: str, test: str) -> bool:
    return (ROOT / file).exists() and f"def {test}(" in (ROOT / file).read_text()


def test_every_test_that_the_page_names_exists() -> None:
    assert len(named(PAGE)) >= 12
    assert [one for one in named(PAGE) if not exists(*one)] == []


def test_a_test_that_does_not_exist_is_found() -> None:
    assert not exists(*named("`tests/faults/test_reliability_page.py::test_of_nothing`")[0])
