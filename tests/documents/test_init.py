"""`init`: what it writes is complete, correct and in force."""

import pytest

from penstock.ops.documents.check import examine
from penstock.ops.documents.init import STARTER, init
from penstock.ops.documents.load import load
from penstock.schemas.errors import ConfigurationError
from penstock.schemas.problem import Level

YEAR_MS = 31_557_600_000


@pytest.mark.parametrize("year", [2021, 2026, 2031, 2040])
def test_what_init_writes_passes_check(tmp_path, year: int) -> None:
    files = init(tmp_path / "new", year)
    documents, findings = examine(tmp_path / "new", (year - 1970) * YEAR_MS + YEAR_MS // 2)
    assert documents is not None
    assert {one.level for one in findings} <= {Level.NOTE}, [str(one) for one in findings]
    assert not [one for one in findings if one.key.startswith("valid")]
    assert {path.relative_to(tmp_path / "new") for path in files} == {
        path.relative_to(STARTER) for path in STARTER.rglob("*") if path.is_file()
    }


def test_what_init_writes_is_complete(tmp_path) -> None:
    init(tmp_path)
    documents = load(tmp_path)
    assert len(documents.charter.members) == 2
    assert len(documents.contracts) == len(documents.agreements) == 1
    assert documents.scenarios
    inbox = tmp_path / documents.connectors.sources[0].path
    assert sum(len(path.read_text(encoding="utf-8").splitlines()) for path in inbox.iterdir()) >= 10


def test_the_starter_explains_itself(tmp_path) -> None:
    for path in init(tmp_path):
        if path.suffix == ".yaml" and "outskirts" not in path.name:
            assert path.read_text(encoding="utf-8").startswith("# "), path


def test_init_refuses_a_directory_with_something_in_it(tmp_path) -> None:
    (tmp_path / "mine.txt").write_text("x", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="there is something here already - name a new or empty directory"):
        init(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_init_refuses_a_file(tmp_path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="there is something here already"):
        init(tmp_path / "file")


def test_init_says_when_it_cannot_write(tmp_path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="cannot write here"):
        init(tmp_path / "file" / "below")
