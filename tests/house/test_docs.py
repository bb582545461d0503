"""The documents for operators name what the code has: metrics, exit codes, reasons, commands, links."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from penstock.ops.cli.app import app
from penstock.schemas import errors
from penstock.schemas.reasons import Reason, Refusal

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
OPERATIONS = (DOCS / "operations.md").read_text()
AGREEMENTS = (DOCS / "agreements.md").read_text()
METRICS = (DOCS / "metrics.md").read_text()
METRIC = re.compile(r"`?\"?(penstock_[a-z_]+)")


def metrics_in(text: str) -> set[str]:
    return {found for found in METRIC.findall(text) if not found.endswith("_")}


def test_the_handbook_leads_to_the_page_of_metrics() -> None:
    assert "](metrics.md)" in OPERATIONS


def test_the_handbook_names_no_metric_that_the_page_lacks() -> None:
    assert metrics_in(OPERATIONS) <= metrics_in(METRICS)


def test_a_metric_that_the_page_lacks_is_found() -> None:
    assert metrics_in("`penstock_planted_total` {dataset}") == {"penstock_planted_total"}


def test_every_exit_code_is_explained() -> None:
    codes = {one.exit_code for one in vars(errors).values() if isinstance(one, type)}
    assert codes >= {1, 2, 3, 4, 5, 6}
    for code in codes:
        assert re.search(rf"^\| {code} \| \w", OPERATIONS, re.MULTILINE), code


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_is_explained(reason: Reason) -> None:
    assert re.search(rf"`{reason}`", AGREEMENTS)


@pytest.mark.parametrize("refusal", list(Refusal))
def test_every_refusal_is_explained(refusal: Refusal) -> None:
    assert re.search(rf"`{refusal}`", OPERATIONS)


def test_every_command_is_in_the_handbook_the_tutorial_or_the_readme() -> None:
    texts = OPERATIONS + (DOCS / "tutorial.md").read_text() + (ROOT / "README.md").read_text()
    commands = get_command(app).commands  # type: ignore[attr-defined]
    assert len(commands) >= 14
    for name in commands:
        assert re.search(rf"(penstock|`) ?{name}\b|\b{name} (list|show|give|withdraw|start)", texts), name


def test_every_relative_link_leads_somewhere() -> None:
    for file in DOCS.rglob("*.md"):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", file.read_text()):
            assert (file.parent / target).exists(), f"{file.name}: {target}"
