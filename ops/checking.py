"""`check`, whole: every finding of the rules and the result of every scenario."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..schemas.problem import Finding, Level
from .clock import now_ms
from .documents.check import errors, examine
from .documents.load import Documents
from .documents.scenario_text import sentences
from .documents.scenarios import ScenarioResult, run_scenarios
from .rehearsal import Rehearsal


@dataclass(frozen=True, slots=True)
class Report:
    """What `check` has to say. Fit means: no error, every scenario as it says."""

    findings: tuple[Finding, ...]
    scenarios: tuple[ScenarioResult, ...]

    @property
    def fit(self) -> bool:
        return not errors(list(self.findings)) and all(one.passed for one in self.scenarios)

    def rows(self) -> list[Mapping[str, Any]]:
        """Return everything as plain rows, for machines."""
        found: list[Mapping[str, Any]] = [
            {
                "level": one.level.value,
                "file": one.file,
                "line": one.line,
                "key": one.key,
                "message": one.message,
                "remedy": one.remedy,
            }
            for one in self.findings
        ]
        for one in self.scenarios:
            mismatches = [str(mismatch) for mismatch in one.mismatches]
            found.append({"level": "scenario", "name": one.name, "passed": one.passed, "mismatches": mismatches})
        return found

    def lines(self) -> Iterator[str]:
        """Yield everything as lines for people, the worst last, where the eye is."""
        for level in (Level.NOTE, Level.WARNING):
            yield from (f"{level.value}: {one}" for one in self.findings if one.level is level)
        for scenario in self.scenarios:
            yield ("ok    " if scenario.passed else "FAILED") + f" {scenario.name}: {scenario.scenario.scenario}"
            if not scenario.passed:
                yield from (f"         {line}" for line in sentences(scenario))
        yield from (f"error: {one}" for one in self.findings if one.level is Level.ERROR)
        yield self._sum()

    def _sum(self) -> str:
        failed = sum(not one.passed for one in self.scenarios)
        wrong = len(errors(list(self.findings)))
        return f"{wrong} errors, {len(self.scenarios)} scenarios, {failed} failed"


def examine_all(directory: Path) -> Report:
    """Check the documents and run their scenarios, as far as they can be read."""
    documents, findings = examine(directory, now_ms())
    usable = documents is not None and not errors(findings)
    scenarios = _scenarios(documents) if usable and documents is not None else []
    return Report(tuple(findings), tuple(scenarios))


def _scenarios(documents: Documents) -> list[ScenarioResult]:
    return run_scenarios(documents, Rehearsal(documents).scenario)
