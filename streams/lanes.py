"""A slot's part of the lanes: which agreements are behind where, and which are refused something just now."""

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..processors.turns import Standing, Terms, Turn
from ..schemas.errors import DocumentError, RecordError
from ..schemas.lane_state import LaneState, Place, lane_state_from
from .settings import Cluster
from .tail import Entry, Tail
from .topics import LANES

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Failing:
    """What an agreement is refused, and when to try again (monotonic seconds)."""

    error: str
    due: float
    pause_s: float


class Lanes:
    """The states of one topic's agreements, as far as they are committed. Not thread-safe."""

    def __init__(self, cluster: Cluster, topic: str) -> None:
        self._topic = topic
        self._tail = Tail(cluster, LANES)
        self._states: dict[Place, LaneState] = {}
        self._failing: dict[str, Failing] = {}
        self._terms: Sequence[Terms] = ()
        self._generation = 0
        self._read = False

    def compiled(self, generation: int, terms: Sequence[Terms]) -> None:
        """Be told what is in force from here on."""
        self._generation, self._terms = generation, terms

    def taken_over(self) -> None:
        """Read what other slots committed. Raises UnavailableError when Kafka does not give it: it is asked again.

        What is refused is not remembered from slot to slot: it is tried once more.
        """
        self._read = False
        for entry in self._tail.to_settled_end():
            self._take(entry)
        self._read = True

    def turn(self, firsts: Mapping[int, int]) -> Turn:
        """Return the turn of a common batch that begins at `firsts`, by partition."""
        if not self._read:
            self.taken_over()
        return self._standing().take_turn(firsts)

    def behind(self, positions: Mapping[int, int]) -> list[LaneState]:
        """Return what may be caught up with now, the common batches standing at `positions`."""
        if not self._read or not positions:
            return []
        now = time.monotonic()
        resting = {agreement for agreement, one in self._failing.items() if one.due > now}
        return [one for one in self._standing().behind(positions) if one.agreement not in resting]

    def distance(self, positions: Mapping[int, int]) -> tuple[dict[str, int], set[str]]:
        """Return how many offsets each agreement that is behind has before it, due or not, and which are parked."""
        behind, parked = dict[str, int](), set[str]()
        for one in self._states.values():
            if one.behind and one.partition in positions:
                behind[one.agreement] = behind.get(one.agreement, 0) + positions[one.partition] - one.next
                parked |= {one.agreement} if one.reason == "parked" else set()
        return behind, parked

    def committed(self, states: Iterable[LaneState]) -> None:
        """Be told that `states` are committed."""
        for one in states:
            before = self._states.get(one.place)
            self._states[one.place] = one
            if one.behind != (before is not None and before.behind):
                _tell(one)

    def refuse(self, agreement: str, error: str) -> None:
        """Put an agreement aside from the next batch on, and let it rest, longer each time."""
        before = self._failing.get(agreement)
        pause_s = min(2 * before.pause_s, LONGEST_PAUSE_S) if before else FIRST_PAUSE_S
        self._failing[agreement] = Failing(error, time.monotonic() + pause_s, pause_s)

    def mend(self, agreement: str) -> None:
        """Be told that what an agreement was refused was taken."""
        self._failing.pop(agreement, None)

    def close(self) -> None:
        self._tail.close()

    def _standing(self) -> Standing:
        failing = {agreement: one.error for agreement, one in self._failing.items()}
        return Standing(self._topic, self._generation, self._terms, self._states, failing)

    def _take(self, entry: Entry) -> None:
        try:
            state = lane_state_from(entry.value)
        except RecordError as bad:
            # Skipping it could be releasing twice, or never.
            raise DocumentError(bad.message, place=f"{LANES}/0/{entry.offset}") from None
        if state.topic == self._topic:
            self._states[state.place] = state


def lane_states(cluster: Cluster) -> list[LaneState]:
    """Return every state as it is committed now. Raises UnavailableError when Kafka does not give them."""
    tail = Tail(cluster, LANES)
    try:
        states = [lane_state_from(entry.value) for entry in tail.to_end()]
    finally:
        tail.close()
    return list({one.key(): one for one in states}.values())


def _tell(state: LaneState) -> None:
    where = f"{state.agreement} on {state.topic}/{state.partition}"
    if state.behind:
        why = f"{state.reason} ({state.error})" if state.error else state.reason
        log.warning("%s is behind from offset %d on: %s", where, state.next, why)
    else:
        log.info("%s is served by the common batches from offset %d on", where, state.next)
