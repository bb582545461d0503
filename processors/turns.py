"""Who serves an agreement's records: the common batches, or catching up. Pure: states in, states out.

On each partition an agreement is either served by the common batches from some offset on, or behind: then the common
batches put its records aside, and catching up serves them in order from its `next` offset until nothing is between
the two. Where no state was ever written, an agreement that begins in the past is behind, and every other is served.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..schemas.generation import AgreementInForce
from ..schemas.lane_state import LaneState, Place


@dataclass(frozen=True, slots=True)
class Terms:
    """What an agreement's documents say of its place in a lane.

    `start`: by partition, the first offset owed to it; absent: what comes from now on. `waits`: it is suspended, and
    what comes meanwhile is owed to it later.
    """

    agreement: str
    start: Mapping[int, int] = field(default_factory=dict)
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Turn:
    """What a common batch does about places in the lane.

    `aside`: by partition, the agreements whose records are put aside. `begins`: the offset before which nothing is
    owed, for the few places where that lies inside the batch. `states` are to be written with it.
    """

    aside: Mapping[int, frozenset[str]] = field(default_factory=dict)
    begins: Mapping[Place, int] = field(default_factory=dict)
    states: Sequence[LaneState] = ()


NOTHING = Turn()


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known when a turn is taken. `failing`: agreements that are refused something, and what failed."""

    topic: str
    generation: int
    terms: Sequence[Terms]
    states: Mapping[Place, LaneState]
    failing: Mapping[str, str]

    def state(self, terms: Terms, partition: int, position: int) -> LaneState | None:
        """Return a place's state, the common batches standing at `position`; None: served, and never said so."""
        held = self.states.get((terms.agreement, partition))
        start = terms.start.get(partition)
        if held is not None or start is None:
            return held
        state = LaneState(self.topic, terms.agreement, partition, False, start, self.generation)
        return replace(state, behind=True, reason="start", since=position) if start < position else state

    def take_turn(self, firsts: Mapping[int, int]) -> Turn:
        """Return the turn of a common batch that begins at `firsts`, by partition."""
        concerned = self._concerned()
        if not concerned:
            return NOTHING
        states = {
            (terms.agreement, partition): self._in_batch(terms, partition, first)
            for terms in concerned
            for partition, first in firsts.items()
        }
        return _turn(firsts, [state for state in states.values() if state is not None], self.states)

    def _concerned(self) -> list[Terms]:
        """Return the agreements that need a look: for most, at most times, there is nothing to say."""
        known = {agreement for agreement, _ in self.states}
        return [
            one
            for one in self.terms
            if one.start or one.waits or one.agreement in known or one.agreement in self.failing
        ]

    def _in_batch(self, terms: Terms, partition: int, first: int) -> LaneState | None:
        state = self.state(terms, partition, first)
        if state is not None and state.behind:
            return state
        error = self.failing.get(terms.agreement)
        if error is None and not terms.waits:
            return state
        owed = first if state is None else max(first, state.next)
        behind = LaneState(self.topic, terms.agreement, partition, True, owed, self.generation, since=owed)
        return replace(behind, reason="parked", error=error) if error else replace(behind, reason="suspended")

    def behind(self, positions: Mapping[int, int]) -> list[LaneState]:
        """Return what there is to catch up with, given where the common batches stand; what waits is left out."""
        found = []
        for terms in self._concerned():
            if terms.waits:
                continue
            for partition, position in positions.items():
                state = self.state(terms, partition, position)
                if state is not None and state.behind:
                    found.append(state)
        return found


def caught_up(state: LaneState, upto: int, position: int, generation: int) -> LaneState:
    """Return the state after catching up to `upto`: joined again once that is where the common batches stand.

    A place that begins further on than the common batches stand goes on beginning there: what comes before is not owed.
    """
    reached = max(upto, state.next)
    if reached < position:
        return replace(state, next=reached, generation=generation)
    return LaneState(state.topic, state.agreement, state.partition, False, reached, generation)


def terms_of(agreements: Iterable[AgreementInForce]) -> list[Terms]:
    """Return the terms of agreements in force."""
    return [
        Terms(
            one.agreement.id,
            one.start,
            waits=one.status == "suspended" and one.agreement.on_resume == "catch-up",
        )
        for one in agreements
    ]


def _turn(firsts: Mapping[int, int], states: Sequence[LaneState], held: Mapping[Place, LaneState]) -> Turn:
    aside: dict[int, set[str]] = {}
    for state in states:
        if state.behind:
            aside.setdefault(state.partition, set()).add(state.agreement)
    return Turn(
        aside={partition: frozenset(agreements) for partition, agreements in aside.items()},
        begins={one.place: one.next for one in states if one.next > firsts[one.partition]},
        states=[one for one in states if held.get(one.place) != one],
    )
