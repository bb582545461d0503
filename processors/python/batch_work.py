"""Batches done by compiled programs: read and decided in columns, their views made in one loop."""

from collections.abc import Sequence

from ...schemas.contract import DataContract
from ..compiled.facts import Months
from ..event_work import EventWork
from ..native.scanned_batch import ScannedBatch
from ..one_by_one import OneByOne, Task
from ..outcome import Outcome
from ..served import Served, WorkerKeys
from .programs import PythonPrograms
from .run import PythonRun
from .scan import PythonScan


class PythonWork:
    """Does batches whole; those for whose writers nothing is compiled, event by event."""

    def __init__(
        self,
        contract: DataContract,
        served: Sequence[Served],
        store: WorkerKeys,
        work: EventWork,
        programs: PythonPrograms,
    ) -> None:
        self._contract = contract
        self._served = served
        self._keys = store.keys
        self._work = work
        self._programs = programs
        self._one_by_one = OneByOne(work, store.keys)
        self._months = Months()

    def process(self, task: Task, outcome: Outcome) -> None:
        """Add to `outcome` what follows from the batch. Raises as `LaneProgram.process`."""
        if not self._served or not self._programs.meet(task.batch):
            self._one_by_one.process(task, outcome)
            return
        scan = PythonScan(task.batch, self._programs.writers, len(self._contract.subject_paths))
        batch = ScannedBatch(self._contract, self._served, self._work, task, scan, self._programs, self._months)
        batch.take(outcome)
        means, keys = batch.means(self._keys)
        PythonRun(batch, scan, means, keys).go(outcome)
        batch.account(outcome)
