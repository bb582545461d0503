"""How many records a batch takes, and how the one that stops it is found."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.streams import pace as module
from penstock.streams.job import Inbound
from penstock.streams.pace import AIM_S, FIRST, Pace
from penstock.streams.suspects import ALONE, TOGETHER, Suspects


def settled(most, per_second, overhead_s=0.005, steps=40):
    """The size that full batches end at, where work goes at this speed."""
    pace = Pace(most)
    for _ in range(steps):
        pace.took(pace.records, overhead_s + pace.records / per_second)
    return pace


@pytest.mark.parametrize("per_second", [100, 2_000, 20_000])
def test_full_batches_come_to_take_the_time_that_is_aimed_at(per_second):
    pace = settled(50_000, per_second)
    assert AIM_S / 2 < 0.005 + pace.records / per_second < 1.1 * AIM_S


def test_a_batch_is_never_larger_than_it_may_be():
    assert settled(750, 1e9).records == 750
    assert Pace(10).records == 10


def test_from_the_first_size_on_no_batch_takes_as_long_as_law_7_allows():
    """Work that takes a millisecond a record, the slowest that the first size has time for."""
    pace, longest = Pace(50_000), 0.0
    for _ in range(30):
        longest = max(longest, pace.records * 0.001)
        pace.took(pace.records, pace.records * 0.001)
    assert longest < 0.5


def test_small_batches_of_a_quiet_topic_change_nothing():
    pace = settled(5_000, 1e9)
    for _ in range(20):
        pace.took(1, 0.02)
    assert pace.records == 5_000


def test_one_slow_batch_costs_half_and_no_more():
    pace = settled(5_000, 1e9)
    pace.took(1, 3.0)
    assert pace.records == 2_500
    pace.too_slow()
    assert pace.records == 1_250
    for _ in range(20):
        pace.too_slow()
    assert pace.records == 1
    pace.took(1, 0.001)
    assert pace.records > 1
    assert FIRST == module.FIRST


class Topic:
    """Partitions with records, some of which stop every work that they are part of."""

    def __init__(self, sizes, poison):
        self.sizes, self.poison = sizes, poison
        self.next = [0] * len(sizes)
        self.done, self.isolated, self.steps = [], [], 0

    def batch(self, limit):
        records = [(p, o) for p, size in enumerate(self.sizes) for o in range(self.next[p], size)]
        return [Inbound(p, o, None, None, 0) for p, o in records[:limit]]

    def run(self, suspects, normal):
        while batch := self.batch(suspects.limit(normal)):
            self.steps += 1
            places = [(one.partition, one.offset) for one in batch]
            if suspects.guilt(batch):
                self.isolated += places
            elif self.poison & set(places):
                suspects.failed(batch, "why")
                continue
            else:
                self.done += places
            for partition, offset in places:
                self.next[partition] = offset + 1
            suspects.passed(batch)


@given(st.data())
def test_all_who_stop_batches_are_put_aside_and_nobody_else(data):
    sizes = data.draw(st.lists(st.integers(0, 60), min_size=1, max_size=3))
    places = [(p, o) for p, size in enumerate(sizes) for o in range(size)]
    poison = data.draw(st.sets(st.sampled_from(places), max_size=4)) if places else set()
    topic, suspects = Topic(sizes, poison), Suspects()
    topic.run(suspects, data.draw(st.integers(1, 100)))
    assert topic.isolated == sorted(poison)
    assert topic.done == [place for place in places if place not in poison], "in order, each once"
    assert not suspects.looking


def test_one_among_thousands_is_found_soon():
    topic, suspects = Topic([10_000], {(0, 4_321)}), Suspects()
    topic.run(suspects, 5_000)
    # Halving finds it; then batches grow again.
    assert topic.steps < TOGETHER + ALONE + 4 * math.log2(5_000)


def test_what_passes_in_the_end_is_forgotten():
    suspects = Suspects()
    batch = Topic([10], set()).batch(10)
    for _ in range(TOGETHER - 1):
        suspects.failed(batch, "a moment")
    suspects.passed(batch)
    suspects.failed(batch, "a moment")
    assert not suspects.looking
    for _ in range(TOGETHER - 1):
        suspects.failed(batch, "a moment")
    assert suspects.limit(5_000) == 5
    suspects.passed(batch[:5])
    suspects.passed(batch[5:])
    assert suspects.limit(5_000) == 5_000


def test_nobody_is_guilty_of_what_failed_together():
    suspects, batch = Suspects(), Topic([2], set()).batch(2)
    for _ in range(10):
        suspects.failed(batch, "why")
    assert suspects.guilt(batch) == suspects.guilt(batch[:1]) == ""
    for _ in range(ALONE):
        suspects.failed(batch[:1], "why")
    assert suspects.guilt(batch[:1]) == "why"
    assert suspects.guilt(batch) == ""
