"""What became of a run's tests, and where its time went, folder by folder; kept in a file for whoever sums up runs."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

import pytest


def folder_of(nodeid: str) -> str:
    """Return the folder that a test lies in."""
    return nodeid.replace("\\", "/").removeprefix("tests/").partition("/")[0]


@dataclass
class Tally:
    """Seconds by folder, tests that passed and that were skipped, and the names of those that failed."""

    seconds: dict[str, float] = field(default_factory=dict)
    passed: int = 0
    skipped: int = 0
    failed: list[str] = field(default_factory=list)

    def add(self, report: pytest.TestReport) -> None:
        """Count a phase of a test. One that passes and then cannot put away what it used has failed."""
        folder = folder_of(report.nodeid)
        self.seconds[folder] = self.seconds.get(folder, 0.0) + report.duration
        self.skipped += report.skipped
        self.passed += report.passed and report.when == "call"
        if report.failed:
            self.passed -= report.when == "teardown"
            self.failed.append(report.nodeid)

    def table(self) -> Iterator[str]:
        """Yield a line for each folder, longest first, and one for all."""
        for folder, seconds in sorted(self.seconds.items(), key=lambda share: -share[1]):
            yield f"{seconds:7.1f} s  {folder}"
        yield f"{sum(self.seconds.values()):7.1f} s  all"

    def verdict(self) -> str:
        return f"tests: {self.passed} passed, {len(self.failed)} failed, {self.skipped} skipped"

    @classmethod
    def of(cls, runs: Iterable[Self]) -> Self:
        """Return the sum."""
        runs = list(runs)
        seconds: dict[str, float] = defaultdict(float)
        for one in runs:
            for folder, spent in one.seconds.items():
                seconds[folder] += spent
        failed = [name for one in runs for name in one.failed]
        return cls(dict(seconds), sum(one.passed for one in runs), sum(one.skipped for one in runs), failed)

    @classmethod
    def read(cls, file: Path) -> Self:
        """Return what a run kept in `file`; nothing where it ended before it could."""
        return cls(**json.loads(file.read_text())) if file.exists() else cls()

    def keep(self, file: Path) -> None:
        file.write_text(json.dumps(asdict(self)))
