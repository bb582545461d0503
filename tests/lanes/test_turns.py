"""The state machine of a place in a lane against a slow model: each offset that is owed is decided once, in order."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from penstock.processors.turns import Standing, Terms, caught_up
from penstock.schemas.lane_state import lane_state_from

TOPIC, AGREEMENT = "ee.income.v1", "ee-fi"
STEPS = st.one_of(
    st.tuples(st.just("batch"), st.integers(1, 5), st.booleans()),
    st.tuples(st.just("catch-up"), st.integers(1, 7), st.booleans()),
    st.tuples(st.just("fail"), st.booleans(), st.just(0)),
    st.tuples(st.just("suspend"), st.booleans(), st.just(0)),
    st.tuples(st.just("restart"), st.just(0), st.just(0)),
)


class Lane:
    """One agreement on one partition. `log` is what is written; what is in memory is lost by a restart.

    A step may be aborted: then nothing of it counts. `decided` are offsets as they were decided for the agreement.
    """

    def __init__(self, start, position):
        self.terms = Terms(AGREEMENT, {} if start is None else {0: start})
        self.position, self.log, self.memory, self.failing = position, [], {}, {}
        self.decided, self.aside = [], []

    def standing(self):
        return Standing(TOPIC, 1, [self.terms], self.memory, self.failing)

    def write(self, states):
        for one in states:
            self.log.append(lane_state_from(one.to_value()))
            self.memory[one.place] = one

    def batch(self, count, committed):
        turn = self.standing().take_turn({0: self.position})
        if not committed:
            return
        offsets = range(self.position, self.position + count)
        begin = turn.begins.get((AGREEMENT, 0), 0)
        owed = [one for one in offsets if one >= begin]
        (self.aside if AGREEMENT in turn.aside.get(0, ()) else self.decided).extend(owed)
        self.write(turn.states)
        self.position += count

    def catch_up(self, count, committed):
        for state in self.standing().behind({0: self.position}):
            assert not self.terms.waits
            upto = min(state.next + count, self.position)
            if committed:
                self.decided += range(state.next, upto)
                self.write([caught_up(state, upto, self.position, 1)])

    def step(self, kind, what, how):
        if kind == "batch":
            self.batch(what, how)
        elif kind == "catch-up":
            self.catch_up(what, how)
        elif kind == "fail":
            self.failing = {AGREEMENT: "DENIED"} if what else {}
        elif kind == "suspend":
            self.terms = Terms(AGREEMENT, self.terms.start, waits=what)
        else:
            self.failing, self.memory = {}, {}
            for one in self.log:
                self.memory[one.place] = one

    def finish(self):
        self.failing, self.terms = {}, Terms(AGREEMENT, self.terms.start)
        for _ in range(self.position + 1):
            self.catch_up(3, committed=True)


@settings(max_examples=400, deadline=None)
@example(  # refused before it begins, and mended before the common batches are there: nothing of before is released
    2, 0, [("fail", True, 0), ("batch", 1, True), ("catch-up", 1, True), ("fail", False, 0), ("batch", 1, True)]
)
@given(st.none() | st.integers(0, 12), st.integers(0, 8), st.lists(STEPS, max_size=40))
def test_each_offset_that_is_owed_is_decided_once_and_in_order(start, position, steps):
    lane = Lane(start, position)
    for step in steps:
        lane.step(*step)
    lane.finish()
    first = position if start is None else start
    assert lane.decided == list(range(first, lane.position))
    assert lane.standing().behind({0: lane.position}) == []


def test_the_model_finds_a_record_that_is_decided_twice():
    """Planted: catching up that does not move on."""
    lane = Lane(0, 4)
    state = lane.standing().behind({0: 4})[0]
    lane.decided += range(state.next, 2)
    lane.finish()
    assert lane.decided != list(range(4))


def test_for_most_agreements_there_is_nothing_to_say():
    standing = Standing(TOPIC, 1, [Terms("a"), Terms("b")], {}, {})
    assert standing.take_turn({0: 5, 1: 9}).states == ()
    assert standing.behind({0: 5}) == []
