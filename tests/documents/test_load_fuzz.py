"""Whatever stands in a file, loading and checking end with problems that name it, never with a crash."""

import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.ops.documents.check import examine
from penstock.schemas.yaml_lines import read_yaml

BASE = Path(__file__).parent / "base"
FILES = (
    "ecosystem.yaml",
    "charter.yaml",
    "connectors.yaml",
    "agreements/visits-lab.yaml",
    "contracts/visits.odcs.yaml",
    "contracts/visits.avsc",
    "scenarios/long-visit.yaml",
)
VALUES = (
    "",
    "~",
    "[]",
    "{}",
    "[~]",
    "[{}]",
    "{a: 1}",
    "-1",
    "1.5",
    "true",
    "x y",
    ".nan",
    "''",
    "[[]]",
    "*a",
    "!!x",
    "|",
)


@given(st.binary(max_size=200) | st.text(alphabet="ab:-[]{}\"'&*!|> \n\t#,.0", max_size=120).map(str.encode))
def test_any_bytes_are_a_document_or_a_problem(data: bytes) -> None:
    document = read_yaml(data, "x.yaml")
    assert document.value is not None or document.problems
    assert all(problem.line >= 1 for problem in document.problems)


@pytest.mark.parametrize("file", FILES)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_a_line_that_is_changed_anyhow_is_found_or_harmless(tmp_path_factory, file: str, data: st.DataObject) -> None:
    root = tmp_path_factory.mktemp("fuzz")
    shutil.copytree(BASE, root, dirs_exist_ok=True)
    lines = (root / file).read_text(encoding="utf-8").splitlines()
    at = data.draw(st.integers(0, len(lines) - 1), label="line")
    lines[at] = data.draw(st.sampled_from(_changes(lines, at)), label="change")
    (root / file).write_text("\n".join(lines) + "\n", encoding="utf-8")
    documents, findings = examine(root, 1_780_315_200_000)
    assert documents is not None or findings
    assert all(one.line >= 1 and one.message for one in findings)


def _changes(lines: list[str], at: int) -> list[str]:
    line = lines[at]
    head, colon, _ = line.partition(":")
    values = [f"{head}{colon} {value}" for value in VALUES]
    return [
        *values,
        "",
        line[1:],
        " " + line,
        line + line,
        line[: len(line) // 2],
        lines[at - 1],
        line.replace("a", "A"),
    ]
