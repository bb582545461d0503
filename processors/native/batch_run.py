"""What the making of a batch's views takes, whichever back end makes them."""

from ...schemas.crash_points import passing
from ...schemas.errors import UnavailableError
from ..event_work import Means
from ..outcome import Outcome
from .columns import DECISIONS
from .scanned_batch import ScannedBatch

_CODES = {word: number for number, word in enumerate(DECISIONS)}


class BatchRun:
    """Noise secrets, counts, and views that are made by themselves, of one batch."""

    OTHERWISE_COMPILED = True
    """Where the back end stops at a view, Python's program has not tried it yet."""

    def __init__(self, batch: ScannedBatch, means: Means) -> None:
        self._batch = batch
        self._means = means

    def _secrets(self, number: int) -> dict[int, bytes]:
        """Return by day the noise secrets of a view's events; one that is missing is for the slow path to tell."""
        batch = self._batch
        if not any(view and view.noisy for view in (one.views[number] for one in batch.programs.writers)):
            return {}
        found = {}
        for day, period in batch.periods(number).items():
            try:
                found[day] = self._means.secret(batch.served[number], period)
            except UnavailableError:
                raise
            except Exception:  # noqa: BLE001, S112 - whatever it is, the slow path finds it again and says it in words
                continue
        return found

    def _count(self, writer: int, number: int, made: tuple[int, int], outcome: Outcome) -> None:
        """Count records of one view that were made, and fields encrypted in them."""
        count, sealed = made
        served = self._batch.served[number]
        view = self._batch.programs.writers[writer].views[number]
        if view is None:
            return
        outcome.tallies[served.agreement.id].released += count
        for path in view.program.unclassified:
            outcome.unclassified[path] = outcome.unclassified.get(path, 0) + count
        view.program.sealings.count += sealed
        if view.noisy:
            passing("noised", count)
        if sealed:
            passing("encrypted", count)

    def _by_itself(self, event: int, view: int, outcome: Outcome) -> None:
        batch = self._batch
        compiled = self.OTHERWISE_COMPILED
        said = batch.work.release_view(view, batch.singly(event), self._means, outcome, compiled=compiled)
        batch.columns[view][event] = _CODES[said]
