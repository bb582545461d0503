"""Shows that the checker can see: ten faults planted into copies of an honest run, each caught by its name.

python tests/faults/planted.py
"""

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from checker import KINDS, check
from checker_evidence import Evidence
from checker_findings import Findings
from checker_run import Run
from planted_copy import ABORT, Copier, Script, Transaction, script_of
from planted_faults import FAULTS, Fault, Gardener
from planted_run import honest

from penstock.ops.broker.embedded import EmbeddedBroker


@dataclass
class Bed:
    """An honest run and what its copies are made of."""

    run: Path
    script: Script
    gardener: Gardener
    copier: Copier

    @classmethod
    @contextlib.contextmanager
    def laid(cls, folder: Path) -> Iterator["Bed"]:
        """An honest run on a Kafka of its own, which runs while the block does."""
        with EmbeddedBroker(folder / "broker") as broker:
            run = Run.at(honest(folder / "run", broker.bootstrap, broker.log_dirs))
            evidence = Evidence(run, Findings())
            events = {one.event["serial"]: one.event for _, one in evidence.everything() if one.event is not None}
            yield cls(run.folder, script_of(evidence), Gardener(run, events), Copier(run, len(FAULTS) + 1))

    def plant(self, number: int, fault: Fault) -> dict[str, Any]:
        """Return what the checker says of copy `number`, with the fault in it."""
        return check(self.copier.copy(number, fault.plant(self.gardener, self.script)))

    def plant_nothing(self, number: int) -> dict[str, Any]:
        """Return what it says of a copy in which each transaction was aborted once before it was committed."""
        script = [each for one in self.script for each in (Transaction(one.records, ends=ABORT), one)]
        return check(self.copier.copy(number, script))


def counted(result: dict[str, Any]) -> dict[str, int]:
    return {kind: result[kind] for kind in KINDS if result[kind]}


def is_caught(fault: Fault, result: dict[str, Any]) -> bool:
    """Say whether exactly what was planted was found."""
    found = counted(result)
    return found.keys() == fault.found.keys() and all(
        found[kind] == number if number >= 0 else found[kind] > 0 for kind, number in fault.found.items()
    )


def planted() -> str:
    """Return how many of the planted faults were caught, as `10/10`."""
    with tempfile.TemporaryDirectory() as folder, Bed.laid(Path(folder)) as bed:
        assert not counted(check(bed.run)), "the honest run is not"
        assert not counted(bed.plant_nothing(len(FAULTS) + 1)), "an honest copy is not"
        caught = [is_caught(fault, bed.plant(number, fault)) for number, fault in enumerate(FAULTS, 1)]
    return f"{sum(caught)}/{len(caught)}"


if __name__ == "__main__":
    print(planted())  # noqa: T201 - a command for people
