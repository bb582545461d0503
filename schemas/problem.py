"""What is wrong with a document: which file, line and key, and what to do about it."""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from .errors import DocumentError

Key = tuple[str | int, ...]
"""Where something stands inside a document: mapping keys and list positions, outermost first."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that must be changed before the documents can be used."""

    file: str
    line: int
    key: str
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}: {self.key}: " if self.key else f"{self.file}:{self.line}: "
        return where + self.message + (f" - {self.remedy}" if self.remedy else "")


class Level(StrEnum):
    """How bad a finding is: an error stops `apply`, a warning is to be weighed, a note is to be known."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True, order=True)
class Finding(Problem):
    """What `check` found in documents that could be read."""

    level: Level = Level.ERROR


class ProblemsError(DocumentError):
    """Every problem of the documents, one line each, in the order of files and lines."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = in_order(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return `problems` by file and line, the first one of each place: the others mostly follow from it."""
    first: dict[tuple[str, int, str], Problem] = {}
    for problem in problems:
        first.setdefault((problem.file, problem.line, problem.key), problem)
    return tuple(sorted(first.values(), key=lambda problem: (problem.file, problem.line)))


def dotted(key: Key) -> str:
    """Return a key as people write it: `members[2].country`."""
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a remedy that names the nearest known word, else a few of them."""
    words = sorted(set(known))
    near = difflib.get_close_matches(word, words, n=1)
    if near:
        return f"did you mean '{near[0]}'?"
    return f"known here: {listed(words)}" if words else ""


def listed(words: Sequence[str], most: int = 12) -> str:
    """Return words as a readable list, cut after `most`."""
    return ", ".join(words[:most]) + (f" and {len(words) - most} more" if len(words) > most else "")
