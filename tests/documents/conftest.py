"""A small ecosystem on disk that a test changes in one place, to see what is said about it."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from penstock.ops.documents.check import examine
from penstock.ops.documents.load import Documents, load
from penstock.schemas.problem import Finding

AT_MS = 1_780_315_200_000  # 2026-06-01T12:00:00Z


@dataclass
class Ecosystem:
    root: Path

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace the one place where `old` stands in a file."""
        path = self.root / file
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file}"
        path.write_text(text.replace(old, new), encoding="utf-8")

    def write(self, file: str, text: str) -> None:
        path = self.root / file
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def line(self, file: str, text: str) -> int:
        """Return the number of the first line that holds `text`."""
        lines = (self.root / file).read_text(encoding="utf-8").splitlines()
        return next(number for number, line in enumerate(lines, 1) if text in line)

    def examine(self) -> list[Finding]:
        return examine(self.root, AT_MS)[1]

    def load(self) -> Documents:
        return load(self.root)


@pytest.fixture
def ecosystem(tmp_path: Path) -> Ecosystem:
    root = tmp_path / "ecosystem"
    shutil.copytree(Path(__file__).parent / "base", root)
    return Ecosystem(root)
