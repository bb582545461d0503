"""Under a steady feed: how long after a change's record the broker still gets what was decided before it."""

import contextlib
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from operator import gt
from pathlib import Path

import pytest
from broker_times import committed, count, last
from cut_off import FETCH, LIST_OFFSETS, CutOff
from ecosystem import events, until
from law7_world import Law7World
from ticking import TICKS, Around, Ticking, told

from penstock.schemas.access import Rule
from penstock.schemas.principals import exchange_principal
from penstock.streams.control import ControlWriter

pytestmark = [pytest.mark.broker, pytest.mark.alone]

A_SECOND = 5_000
WITHIN_S = 1.0
KEPT_UP_S = 1.0
"""No event took longer before the change, or the workers did not keep up with the feed."""
FLOWING = 5_000
RESIDENCY, STATISTICS = "tax-residency", "fi-stat-residency"
PAYMENTS, BENEFITS = "income-payments", "ee-fi-benefits"
ECO = "cross-border-tax"
UNTOLD = "Kafka did not tell in time that nothing changed"

Record = Callable[[str, object], None]


@contextlib.contextmanager
def flow(world: Law7World, dataset: str, values: list[bytes], a_second: int) -> Iterator[None]:
    """A worker, and what it is fed with; the block begins when it is in the middle of it."""
    with world.supervised(dataset), world.feeding(dataset, values, a_second):
        until(lambda: world.done(dataset) > FLOWING, "nothing flows")
        yield


def judge(around: Around, record_property: Record) -> None:
    """The feed was what it is said to be, the workers kept up with it, and all that was changed ended in time."""
    record_property("measured", around.figures())
    assert around.fed_a_second(-2, 0) >= A_SECOND
    assert around.fed_a_second(0, 2) >= A_SECOND
    assert around.slowest_s(-2) <= KEPT_UP_S
    # Each worker has a partition of its own, and released there until then.
    assert min(around.released(-1, 0)) > 0
    assert max(around.last_s()) <= WITHIN_S


@contextlib.contextmanager
def record_alone(world: Law7World, agreement: str, status: str) -> Iterator[Callable[[], None]]:
    """A command's record and nothing that follows it, as when it is killed there; the block says when."""
    with contextlib.closing(ControlWriter(world.access.wiring.cluster(), ECO)) as writer:
        current = writer.current()
        assert current is not None
        held = current.agreements[agreement].with_status(status)
        agreements = {**current.agreements, agreement: held}
        new = replace(current, number=current.number + 1, agreements=agreements)
        yield lambda: writer.write(replace(new, at_ms=time.time_ns() // 1_000_000))


@pytest.mark.parametrize("word", ["terminate", "suspend"])
def test_nothing_is_released_a_second_after_a_change(
    world: Law7World, ticking: Ticking, word: str, record_property: Record
) -> None:
    agreement = f"ticks-{word}"
    ticking.agree(agreement)
    with ticking.flowing():
        workers = world.ecosystem.cli("agreements", word, agreement, "--json").json["workers"]
        ticking.feed_on()
    assert len(workers["acknowledged"]) + len(workers["fenced"]) == 2
    judge(Around(ticking, agreement), record_property)


@dataclass(frozen=True)
class Cut:
    """What of a worker's way to Kafka is cut: requests of these kinds about control and consents, None: all there is.

    `held`: kinds of request about them by which the least number of connections are known that this must reach.
    """

    name: str
    kinds: set[int] | None
    held: tuple[tuple[int, ...], ...]


CUTS = [
    # Nothing comes of the topics any more; that there is more, does.
    Cut("fetches", {FETCH}, ((FETCH,), (FETCH,))),
    # Nor does that.
    Cut("ends", {FETCH, LIST_OFFSETS}, ((FETCH,), (FETCH,), (LIST_OFFSETS,))),
    # Nothing comes or goes; once it does again, the slot is another's.
    Cut("whole-way", None, ((), (FETCH,), (FETCH,), (LIST_OFFSETS,))),
]


@pytest.mark.parametrize("cut", CUTS, ids=lambda cut: cut.name)
def test_not_even_by_a_worker_that_cannot_read_of_it(
    world: Law7World, ticking: Ticking, cut: Cut, tmp_path: Path, record_property: Record
) -> None:
    """The network between one of two workers and Kafka is cut; who made the change is gone: the gateway sees to it."""
    agreement = f"ticks-{cut.name}"
    ticking.agree(agreement)
    with (
        CutOff.from_topics(ticking.directory, world.client, ["penstock.control", "penstock.consents"], tmp_path) as way,
        ticking.flowing(way.directory),
        record_alone(world, agreement, "terminated") as terminate,
    ):
        reached, cut_off = ticking.slots()
        held = way.silence(cut.kinds)
        terminate()
        until(lambda: cut_off not in ticking.slots(), "the gateway does not fence the slot", 10)
        ticking.feed_on()
        assert ticking.slots() == [reached]
        way.heal()
    assert not Counter(cut.held) - Counter(map(tuple, held))
    judge(Around(ticking, agreement), record_property)


def test_nor_by_workers_that_may_not_read_of_it(world: Law7World, ticking: Ticking, record_property: Record) -> None:
    agreement = "ticks-denied"
    ticking.agree(agreement)
    rule = Rule(exchange_principal(TICKS), "READ", "topic", "penstock.control")
    with ticking.flowing(), record_alone(world, agreement, "terminated") as terminate:
        before = ticking.complaints(UNTOLD)
        world.access.admin.drop([rule])
        try:
            # A worker that got no answer for so long has none on its way any more to what it asked when it might.
            until(lambda: all(map(gt, ticking.complaints(UNTOLD), before)), "the workers may still read", 10)
            terminate()
            until(lambda: not ticking.slots(), "the gateway does not fence the slots", 10)
            ticking.feed_on()
        finally:
            world.access.admin.add([rule])
    judge(Around(ticking, agreement), record_property)


def test_nothing_of_a_person_is_released_a_second_after_a_withdrawal(world: Law7World, record_property: Record) -> None:
    """Others withdraw and consent all the time: that alone holds nothing up."""
    person = next(one["payee"] for to, one in events(1_000, 7) if to == PAYMENTS and one["payee"]["residence"] == "FI")
    mine = world.values(PAYMENTS, 100, payee=person, income_type="WAGES")
    assert world.ecosystem.cli("consent", "give", BENEFITS, stdin=person["national_id"]).code == 0
    with flow(world, PAYMENTS, mine, 1_000), world.others_consenting(BENEFITS, 20):
        done = world.done(PAYMENTS)
        until(lambda: world.done(PAYMENTS) > done + 2_000, "others hold it up")
        assert world.ecosystem.cli("consent", "withdraw", BENEFITS, stdin=person["national_id"]).code == 0
        done = world.done(PAYMENTS)
        until(lambda: world.done(PAYMENTS) > done + 2_000, "nothing flows any more")
    changed_at = world.withdrawn_at(person["national_id"])
    released = committed(world.taken(f"view.{BENEFITS}"))
    last_s = last(released, changed_at)
    record_property("measured", told(last_s))
    assert count([one for one in released if 0 <= changed_at - one.at < 1]) > 100
    assert max(last_s) <= WITHIN_S


def test_a_command_returns_within_a_second_where_workers_answer(world: Law7World) -> None:
    world.ecosystem.cli("agreements", "resume", STATISTICS)
    took = []
    with world.supervised(RESIDENCY):
        for word in ("suspend", "resume") * 3:
            done = world.ecosystem.cli("agreements", word, STATISTICS, "--json").json
            took.append(time.time() - world.changed_at())
            assert done["workers"]["fenced"] == []
    assert statistics.median(took) < WITHIN_S
