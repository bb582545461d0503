"""A back end that the page names and that is not installed is said before anything starts."""

import shutil
from pathlib import Path

import pytest

from penstock.ops.doctor.machine import exchange
from penstock.ops.doctor.result import Verdict
from penstock.ops.up import running
from penstock.processors import back_end
from penstock.schemas.errors import ConfigurationError

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "cross-border-tax"


@pytest.fixture
def native(tmp_path, monkeypatch):
    """Return an ecosystem that insists on the compiled back end, which is not installed."""
    monkeypatch.setattr(back_end, "extension", lambda: None)
    directory = shutil.copytree(EXAMPLE, tmp_path / "eco")
    with (directory / "ecosystem.yaml").open("a") as page:
        page.write("\nexchange: {back_end: native}\n")
    return directory


def test_doctor_says_what_to_do(native):
    (found,) = exchange(native)
    assert (found.verdict, found.name) == (Verdict.ILL, "exchange")
    assert "make native" in found.remedy


def test_without_a_word_doctor_says_which_one_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(back_end, "extension", lambda: None)
    (found,) = exchange(EXAMPLE)
    assert (found.verdict, found.said) == (Verdict.WELL, "views are made by the back end `python`")


def test_up_starts_nothing(native):
    with pytest.raises(ConfigurationError, match="not installed"), running(native, print, unsigned=True):
        pytest.fail("it started")
    assert not (native / ".penstock" / "run").exists()
