"""A batch's work done event by event: for what no view program is compiled for."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..schemas.crash_points import passing
from ..schemas.ports import KeyStore
from .event_work import EventWork, Means
from .nonces import Nonces
from .outcome import Input, Outcome
from .standings import Standings


@dataclass(frozen=True, slots=True)
class Task:
    """A batch, and what its records are decided by. `given`: by agreement, the consents that stand."""

    batch: Sequence[Input]
    standings: Standings
    given: Sequence[frozenset[bytes]]
    nonces: Nonces


class OneByOne:
    """Takes and decides every event, asks for the keys of all, then makes their views."""

    def __init__(self, work: EventWork, keys: KeyStore) -> None:
        self._work = work
        self._keys = keys

    def process(self, task: Task, outcome: Outcome) -> None:
        """Add to `outcome` what follows from the batch. Raises as `LaneProgram.process`."""
        decided = []
        work, standings = self._work, task.standings
        alike = standings.standing if standings.alike else None
        for source in task.batch:
            event = work.taken(source, outcome)
            if event is not None:
                passing("decoded")
                here = alike or standings.of(source)
                decided.append(work.decided(source, event, here, task.given))
                passing("decided")
                outcome.unknown_fields += work.unknown_fields(event.schema_id)
        keys = self._keys.subject_keys(
            {want for one in decided for wants in one.wants if wants for want in wants.values()}
        )
        passing("keys_made")
        means = Means(keys, task.nonces)
        for one in decided:
            work.release(one, means, outcome)
