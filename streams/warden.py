"""The warden: fences slots that stay silent after a change, also when nobody waits for them any more (law 7).

Whoever makes a change waits for its slots and fences the silent ones. Should that command be killed right after its
record, a slot that was stopped at the wrong moment would be left alone with what it decided before.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from ..processors.concerned import datasets_concerned
from ..schemas.erasure import ErasureOrder
from ..schemas.generation import Generation
from .consents import read_act
from .ends import Ends
from .fencing import Fence, Words
from .settings import Cluster
from .settling import GRACE_S, REACH_S, Change, silent
from .slots import SlotBoard
from .tail import FIRST, Tail
from .topics import CONSENTS

AFTER_S = 0.1
"""Later than whoever made the change, who comes first where he lives."""
LOOK_BACK = 1_000
"""Consents that may have come while no warden ran: slots that acknowledged them long ago are not asked again."""


@dataclass(frozen=True, slots=True)
class _Due:
    """A change, and since when (monotonic) it is in force, as far as we know."""

    change: Change
    since: float


class Warden:
    """Follows changes and slots. `generation` returns the newest one. Not thread-safe: `tick` it often."""

    def __init__(self, cluster: Cluster, generation: Callable[[], Generation | None]) -> None:
        self._generation = generation
        self._board = SlotBoard(cluster)
        self._fence = Fence(cluster)
        self._consents = Tail(cluster, CONSENTS, start=_lately(cluster))
        self._seen: Generation | None = None
        self._due: list[_Due] = []

    def tick(self, wait_s: float = 0.05) -> None:
        """Take in what is new, and fence who had its time.

        Raises UnavailableError where Kafka does not answer: the next tick begins where this one was.
        """
        self._take_in(wait_s)
        now = time.monotonic()
        self._fence.reach_for(self._silent(now - REACH_S - AFTER_S))
        late = self._silent(now - GRACE_S - AFTER_S)
        if late:
            self._fence.fence(late)
            self._board.count_out(late)
        self._due = [one for one in self._due if one.since > now - GRACE_S - AFTER_S]
        if not self._due:
            self._fence.let_go()

    def _take_in(self, wait_s: float) -> None:
        newest = self._generation()
        if newest is not None and newest is not self._seen:
            self._demand(Change(datasets_concerned(self._seen, newest), newest.number))
            self._seen = newest
        for datasets, offset in self._withdrawn(wait_s).items():
            self._demand(Change(datasets, consent_offset=offset))
        self._board.poll()

    def _withdrawn(self, wait_s: float) -> dict[frozenset[str] | None, int]:
        """Return, by datasets (None: all), the offset of the last withdrawal or order to erase."""
        found: dict[frozenset[str] | None, int] = {}
        for entry in self._consents.poll(wait_s):
            act = read_act(entry)
            if isinstance(act, ErasureOrder):
                found[None] = entry.offset
                continue
            held = self._seen.agreements.get(act.agreement) if self._seen else None
            if held is not None and not act.given:
                found[frozenset((held.agreement.dataset,))] = entry.offset
        return found

    def _demand(self, change: Change) -> None:
        self._due.append(_Due(change, time.monotonic()))

    def _silent(self, until: float) -> Words:
        """Return slots that do not know a change which came before `until`."""
        found = [silent(self._board, one.change) for one in self._due if one.since <= until]
        return {at: word for words in found for at, word in words.items()}

    def close(self) -> None:
        self._fence.close()
        self._consents.close()
        self._board.close()


def _lately(cluster: Cluster) -> int:
    ends = Ends(cluster, [CONSENTS])
    known = ends.ask(5.0)
    ends.close()
    return FIRST if known is None else max(FIRST, known.offsets[0] - LOOK_BACK)
