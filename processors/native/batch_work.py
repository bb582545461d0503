"""Batches done by the extension: read and decided in columns, their views made in as few calls as may be.

The work is the same as event by event, in the same order: of refusals, outputs, disclosures, and of nonces drawn.
"""

from collections.abc import Sequence

from ...schemas.contract import DataContract
from ..compiled.facts import Months
from ..event_work import EventWork
from ..one_by_one import Task
from ..outcome import Outcome
from ..python.batch_work import PythonWork
from ..served import Served, WorkerKeys
from .programs import Programs
from .run import Run
from .scanned_batch import ScannedBatch


class BatchWork:
    """Does batches whole; those about which the extension can do nothing are for Python (`otherwise`).

    So are those where a view is left to Python: to stop at it in every event takes longer than Python takes for all.
    """

    WHOLE_ONLY = True

    def __init__(  # noqa: PLR0913, PLR0917 - each is a noun of its own
        self,
        contract: DataContract,
        served: Sequence[Served],
        store: WorkerKeys,
        work: EventWork,
        programs: Programs,
        otherwise: PythonWork,
    ) -> None:
        self._contract = contract
        self._served = served
        self._keys = store.keys
        self._secret = store.keys.reference_secret()
        self._work = work
        self._programs = programs
        self._otherwise = otherwise
        self._months = Months()

    def process(self, task: Task, outcome: Outcome) -> None:
        """Add to `outcome` what follows from the batch. Raises as `LaneProgram.process`."""
        lane = self._programs.lane(task.batch) if self._served else None
        if lane is None or (self.WHOLE_ONLY and not self._programs.whole):
            self._otherwise.process(task, outcome)
            return
        scan = lane.scan(list(task.batch), self._secret)
        batch = ScannedBatch(self._contract, self._served, self._work, task, scan, self._programs, self._months)
        batch.take(outcome)
        means, keys = batch.means(self._keys)
        Run(batch, means, keys).go(outcome)
        batch.account(outcome)
