"""How many processes of a role were fenced: a number in a file, which outlives them."""

import fcntl
from pathlib import Path


def fences(run: Path, role: str) -> int:
    """Return how many processes of `role` ended because they were replaced or could not go on."""
    return _number(_file(run, role))


def count_fence(run: Path, role: str) -> None:
    """Count one more. Two processes of one role may do it at once: the replaced one is still on its way out."""
    with _file(run, role).open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        number = _number(Path(file.name)) + 1
        file.truncate(0)
        file.write(f"{number}\n")


def _file(run: Path, role: str) -> Path:
    return run / f"{role}.fences"


def _number(path: Path) -> int:
    try:
        return int(path.read_text() or "0")
    except (OSError, ValueError):
        return 0
