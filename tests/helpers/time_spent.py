"""Where the time of the tests goes, folder by folder."""

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path


def folder_of(nodeid: str) -> str:
    """Return the folder that a test lies in."""
    return nodeid.replace("\\", "/").removeprefix("tests/").partition("/")[0]


class TimeSpent:
    """Seconds by folder; with a file also those of runs before this one that kept theirs there."""

    def __init__(self, kept: Path | None) -> None:
        self._kept = kept
        self._seconds: dict[str, float] = defaultdict(float)

    def add(self, nodeid: str, seconds: float) -> None:
        """Count a phase of a test."""
        self._seconds[folder_of(nodeid)] += seconds

    def table(self) -> Iterator[str]:
        """Yield the lines, longest first, and keep the figures for the next run."""
        before = json.loads(self._kept.read_text()) if self._kept and self._kept.exists() else {}
        whole = {one: before.get(one, 0.0) + self._seconds.get(one, 0.0) for one in {*before, *self._seconds}}
        if self._kept:
            self._kept.write_text(json.dumps(whole))
        for folder, seconds in sorted(whole.items(), key=lambda share: -share[1]):
            yield f"{seconds:7.1f} s  {folder}"
        yield f"{sum(whole.values()):7.1f} s  all"
