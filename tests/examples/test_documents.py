"""The examples' documents: `check` finds no error, every signature holds, signing again works."""

import shutil
from pathlib import Path

import pytest
import resign

from penstock.ops.documents.check import errors, examine
from penstock.ops.documents.load import load
from penstock.processors.signing import signature_state
from penstock.schemas.problem import Level

EXAMPLES = sorted(path.parent for path in resign.EXAMPLES.glob("*/ecosystem.yaml"))
EXAMPLE = resign.EXAMPLES / "cross-border-tax"
NOW_MS = 1_795_348_800_000  # 2026-11-22T12:00:00Z


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_check_finds_no_error(example: Path) -> None:
    documents, findings = examine(example, NOW_MS)
    assert documents is not None
    assert [str(finding) for finding in errors(findings)] == []


def test_check_warns_of_what_the_example_shows_on_purpose() -> None:
    _, findings = examine(EXAMPLE, NOW_MS)
    warnings = {(one.file.rpartition("/")[2], one.key) for one in findings if one.level is Level.WARNING}
    assert {("ee-contractor.yaml", "processing.place"), ("ee-fi-pilot-2025.yaml", "valid.until")} <= warnings
    assert {key for _, key in warnings if not key.startswith("fields.")} == {"processing.place", "valid.until"}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_every_agreement_is_signed_by_both_sides(example: Path) -> None:
    documents = load(example)
    assert len(documents.agreements) >= 8
    for name, agreement in documents.agreements.items():
        state = signature_state(agreement, documents.signatures.get(name), documents.charter)
        assert state.signed, f"{name}: {state.reason}; run examples/resign.py"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EXAMPLE, tmp_path / "example", ignore=shutil.ignore_patterns("inbox", "__pycache__")))


def test_signing_again_replaces_every_key_and_leaves_no_private_one(copy: Path) -> None:
    before = load(copy)
    assert resign.resign(copy) == 16
    after = load(copy)
    for old, new in zip(before.charter.members, after.charter.members, strict=True):
        assert new.model_copy(update={"public_key": old.public_key}) == old
        assert new.public_key not in {None, old.public_key}
    assert all(
        signature_state(one, after.signatures[name], after.charter).signed for name, one in after.agreements.items()
    )
    assert not [path for path in copy.rglob("*") if path.is_file() and b"PRIVATE KEY" in path.read_bytes()]


def test_a_changed_agreement_loses_its_signatures(copy: Path) -> None:
    path = copy / "agreements" / "ee-fi-income.yaml"
    path.write_text(path.read_text().replace("retention: quarter", "retention: month"))
    documents = load(copy)
    signatures = documents.signatures["ee-fi-income"]
    assert signature_state(documents.agreements["ee-fi-income"], signatures, documents.charter).state == "invalid"
