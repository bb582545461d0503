"""`init`: a small, complete ecosystem to begin with, every line explained."""

import re
from datetime import UTC, datetime
from pathlib import Path

from ...schemas.errors import ConfigurationError

STARTER = Path(__file__).parent / "starter"
YEAR, UNTIL = 2026, 2031
"""The years that the starter's files are written for; `init` moves them to its own."""


def init(directory: Path, year: int | None = None) -> list[Path]:
    """Write the starter ecosystem to `directory`, in force for five years from `year` (this one), and return its files.

    Raises ConfigurationError if the directory holds anything already, or cannot be written.
    """
    first = year or datetime.now(UTC).year
    try:
        if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
            remedy = "name a new or empty directory"
            raise ConfigurationError("there is something here already", place=str(directory), remedy=remedy)
        return [_copy(path, directory, first) for path in sorted(STARTER.rglob("*")) if path.is_file()]
    except OSError as failure:
        raise ConfigurationError(f"cannot write here: {failure.strerror}", place=str(directory)) from None


def _copy(path: Path, directory: Path, year: int) -> Path:
    text = path.read_text(encoding="utf-8")
    text = re.sub(rf"\b({YEAR}|{UNTIL})(?=-\d\d)", lambda found: str(int(found[0]) - YEAR + year), text)
    made = directory / path.relative_to(STARTER)
    made.parent.mkdir(parents=True, exist_ok=True)
    made.write_text(text, encoding="utf-8")
    return made
