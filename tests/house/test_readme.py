"""The README keeps its word: its picture is the import graph, and every promise names a test that exists."""

import ast
import re
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
FILE = re.compile(r"[a-z_]+/[a-z_/]+\.py")
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def picture() -> list[str]:
    section = README.split("## The walk of an event", 1)[1]
    return section.split("```", 2)[1].splitlines()


def arrows(lines: list[str]) -> list[tuple[str, str]]:
    """Return (from, to) for every `──►`: from the file to its left, or, at a `╰`, from the file above that corner."""
    found = []
    for number, line in enumerate(lines):
        for arrow in re.finditer(r"(╰?)─+►\s+(" + FILE.pattern + ")", line):
            if arrow[1]:
                source = above(lines[:number], arrow.start())
            else:
                source = list(FILE.finditer(line, 0, arrow.start()))[-1][0]
            found.append((source, arrow[2]))
    return found


def above(lines: list[str], column: int) -> str:
    for line in reversed(lines):
        for file in FILE.finditer(line):
            if file.start() <= column < file.end():
                return file[0]
    pytest.fail(f"nothing stands above column {column}")


def module(file: str) -> str:
    return "penstock." + file.removesuffix(".py").replace("/", ".")


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("penstock", cache_dir=None)


def test_every_arrow_of_the_picture_is_an_import_and_none_leads_back(graph: grimp.ImportGraph) -> None:
    drawn = arrows(picture())
    assert len(drawn) >= 9
    for source, target in drawn:
        assert graph.direct_import_exists(importer=module(source), imported=module(target)), (source, target)
        assert not graph.chain_exists(importer=module(target), imported=module(source)), (target, source)


def test_every_file_of_the_picture_exists_and_none_stands_alone() -> None:
    files = set(FILE.findall("\n".join(picture())))
    assert len(files) >= 12
    assert [file for file in files if not (ROOT / file).is_file()] == []
    joined = {file for arrow in arrows(picture()) for file in arrow}
    sources = {file for file in files if file.startswith("connectors/")}
    assert files - joined == sources, "a source is joined to its publisher by wiring alone"
    assert len(sources) == 3


def test_a_wrong_arrow_is_found(graph: grimp.ImportGraph) -> None:
    source, target = arrows([" processors/view.py ──► streams/exchange.py"])[0]
    assert not graph.direct_import_exists(importer=module(source), imported=module(target))


def test_every_promise_names_a_test_that_exists() -> None:
    section = README.split("## Works today", 1)[1].split("\n## ", 1)[0]
    rows = [line for line in section.splitlines() if line.startswith("| ") and "---" not in line][1:]
    assert len(rows) >= 10
    for row in rows:
        named = TEST.findall(row)
        assert named, row
        for file, name in named:
            tree = ast.parse((ROOT / file).read_text())
            functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
            assert name in functions, f"{file} has no {name}"


def test_every_document_that_the_readme_names_exists() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_neither_readme_nor_docs_name_an_index_or_a_machine() -> None:
    for file in [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]:
        text = file.read_text()
        assert not re.search(r"/work/|/root/|repo1?\.maven|pypi\.org|files\.pythonhosted|crates\.io", text), file
