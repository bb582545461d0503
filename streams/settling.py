"""Seeing a change through: every slot that it concerns has acknowledged it, or was fenced (law 7)."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ..schemas.errors import UnavailableError
from ..schemas.slot_record import SlotPlace, SlotRecord
from .fencing import Fence, Words
from .settings import Cluster
from .slots import SlotBoard

STEP_S = 0.02
REACH_S = 0.15
GRACE_S = 0.5
"""Of silence, from the commit on. A slot that lives answers sooner: it decides for at most half a second."""
SAY_S = 1.0
PATIENCE_S = 30.0

Tell = Callable[[Sequence[str]], None]
"""Called with the transactional ids of slots that are waited for."""


@dataclass(frozen=True, slots=True)
class Change:
    """What the slots of `datasets` (None: all) must know: a generation's number, a consent's offset."""

    datasets: frozenset[str] | None
    generation: int = 0
    consent_offset: int = -1

    def concerns(self, place: SlotPlace) -> bool:
        return self.datasets is None or not place.dataset or place.dataset in self.datasets

    def is_known_to(self, word: SlotRecord) -> bool:
        return word.generation >= self.generation and word.consent_offset >= self.consent_offset


@dataclass(frozen=True, slots=True)
class Settled:
    """Transactional ids of the slots that acknowledged a change, and of those that were fenced."""

    acknowledged: tuple[str, ...] = ()
    fenced: tuple[str, ...] = ()

    def row(self) -> dict[str, list[str]]:
        return {"acknowledged": list(self.acknowledged), "fenced": list(self.fenced)}

    def sentence(self) -> str:
        """Say it in words; nothing where nobody was asked."""
        if not self.acknowledged and not self.fenced:
            return ""
        gone = f", {len(self.fenced)} did not answer and are fenced" if self.fenced else ""
        return f"{len(self.acknowledged)} workers act on it{gone}"


NOBODY = Settled()


def silent(board: SlotBoard, change: Change) -> Words:
    """Return the last words of slots that `change` concerns and that do not know it."""
    standing = board.standing().items()
    return {at: one for at, one in standing if change.concerns(one.place) and not change.is_known_to(one)}


class Settling:
    """Sees one change through. Made before the change is written, so that nothing is left to connect after it."""

    def __init__(self, cluster: Cluster) -> None:
        self._board = SlotBoard(cluster)
        self._fence = Fence(cluster)
        self._board.catch_up()
        self._board.end()

    def settle(self, change: Change, tell: Tell | None = None) -> Settled:
        """Return when nothing that was decided without `change` can be committed any more, by whomever.

        Called as soon as the change is committed. `tell` is called once, with who is waited for, where it takes over
        SAY_S. Raises UnavailableError when a slot neither answers nor can be fenced: the change holds all the same,
        and the gateway goes on fencing.
        """
        started = time.monotonic()
        quiet = self._waited_for(change, started)
        if quiet:
            with _told_later(tell, _ids(quiet), SAY_S - time.monotonic() + started):
                self._fence.fence(quiet)
            self._board.count_out(quiet)
        standing = {at: one for at, one in self._board.standing().items() if change.concerns(one.place)}
        heard = {at: one for at, one in standing.items() if at not in quiet}
        return Settled(_ids(heard), _ids(quiet))

    def _waited_for(self, change: Change, started: float) -> Words:
        """Wait until everybody knows, or GRACE_S; return who does not."""
        end = self._board.end()
        while True:
            self._board.poll(STEP_S)
            quiet, waited = silent(self._board, change), time.monotonic() - started
            if end is None:
                end = self._board.end()
            complete = end is not None and self._board.has_read(end)
            if complete and (not quiet or waited > GRACE_S):
                return quiet
            if waited > REACH_S:
                self._fence.reach_for(quiet)
            if waited > PATIENCE_S:
                raise UnavailableError("who serves the dataset cannot be read", remedy="is Kafka running?")

    def close(self) -> None:
        self._fence.close()
        self._board.close()


@contextlib.contextmanager
def _told_later(tell: Tell | None, slots: Sequence[str], in_s: float) -> Iterator[None]:
    """Call `tell` with `slots` if the block takes longer than `in_s`."""
    timer = threading.Timer(max(0.0, in_s), tell or (lambda _: None), [slots])
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _ids(words: Words) -> tuple[str, ...]:
    return tuple(sorted(one.place.slot for one in words.values()))
