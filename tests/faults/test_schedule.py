"""What the bench does follows from a seed, and parts make up the whole."""

from collections import Counter

import events
import pytest
from schedule import TIERS, common, lanes, part_of, quiet

from penstock.schemas.crash_points import POINTS

FLOORS = {"worker_kill": 300, "crash_point": 20 * len(POINTS), "broker_kill": 50, "pause": 50, "zombie": 50}


def everything(tier, seed):
    return [*common(tier, seed), *(fault for lane in lanes(tier, seed, 3) for fault in lane), *quiet(tier, seed)]


def test_a_seed_gives_the_same_schedule_again_and_another_a_different_one():
    pr = TIERS["pr"]
    assert everything(pr, 1) == everything(pr, 1)
    assert everything(pr, 1) != everything(pr, 2)


@pytest.mark.parametrize("name", TIERS)
def test_parts_make_up_the_whole(name):
    tier = TIERS[name]
    whole = Counter(fault.kind for fault in everything(tier, 1))
    parts = sum((Counter(one.kind for one in everything(part_of(tier, n), n)) for n in range(tier.parts)), Counter())
    for kind in ("worker_kill", "crash_point", "broker_kill", "pause", "zombie", "storm", "clock"):
        assert parts[kind] == whole[kind]
    assert sum(part_of(tier, n).records for n in range(tier.parts)) >= tier.records >= 100_000


def test_the_nightly_tier_does_what_was_promised():
    tier = TIERS["nightly"]
    done = Counter(fault.kind for fault in everything(tier, 1))
    assert {kind: done[kind] for kind in FLOORS} == FLOORS
    assert tier.network == 100
    assert tier.three_brokers == 20


def test_every_crash_point_is_met():
    points = Counter(fault.detail["point"] for fault in everything(TIERS["nightly"], 1) if fault.kind == "crash_point")
    assert points == dict.fromkeys(POINTS, 20)


def test_input_follows_from_the_seed_and_a_hundredth_of_it_is_spoilt():
    assert events.frame(1, 5, 3) == events.frame(1, 5, 3) != events.frame(2, 5, 3)
    spoilt = [kind for n in range(20_000) if (kind := events.poison_kind(1, n))]
    assert 140 < len(spoilt) < 260
    assert set(spoilt) == set(events.POISONS)


def test_every_protected_text_is_a_canary():
    found = [text for n in range(500) for path, text in events.canaries(1, n).items() if path != "holder.national_id"]
    assert len(found) == len(set(found)) > 1_500
