"""Where an agreement starts, and which lane serves it: asked of Kafka when it is put in force."""

import itertools
import time
from collections import Counter
from types import SimpleNamespace

import pytest
from confluent_kafka import Producer
from generations import generation_of

from penstock.ops.places import Places, lanes_of
from penstock.schemas.lanes import lane_group
from penstock.schemas.start import start_ms
from penstock.streams.starting import begin_beside, offsets_from
from penstock.streams.topics import TopicSpec, ensure

VIEWS = 51
GAP_S = 1.2


@pytest.mark.parametrize(
    ("start", "at_ms"),
    [
        ("now", None),
        ("earliest", 0),
        ("2026-06-01", 1_780_272_000_000),
        ("2026-06-01T12:00:00+02:00", 1_780_308_000_000),
        ("2026-06-01T10:00:00Z", 1_780_308_000_000),
    ],
)
def test_a_start_is_a_word_a_date_or_an_instant(start, at_ms):
    assert start_ms(start) == at_ms


@pytest.mark.parametrize("start", ["", "yesterday", "2026-13-01", "2026-06-01T12:00:00", "20260601T12"])
def test_another_start_is_refused(start):
    with pytest.raises(ValueError, match=r"isoformat|month|time zone"):
        start_ms(start)


def test_a_start_becomes_offsets_by_append_time(lane_cluster):
    topic = f"ee.start-{time.monotonic_ns()}.v1"
    ensure(lane_cluster, [TopicSpec(topic, 2, {"message.timestamp.type": "LogAppendTime"})])
    assert offsets_from(lane_cluster, topic, 2, 0) == {0: 0, 1: 0}
    producer = Producer({"bootstrap.servers": lane_cluster.bootstrap})
    between = []
    for _ in range(2):
        for _ in range(5):
            producer.produce(topic, b"x", partition=0)
        assert producer.flush(10) == 0
        time.sleep(GAP_S)  # two appends must differ in time
        between.append(int((time.time() - GAP_S / 2) * 1000))
    assert offsets_from(lane_cluster, topic, 2, 0) == {0: 0, 1: 0}
    assert offsets_from(lane_cluster, topic, 2, between[0]) == {0: 5, 1: 0}
    assert offsets_from(lane_cluster, topic, 2, between[1]) == {0: 10, 1: 0}


def test_fifty_one_views_are_two_lanes_and_each_event_reaches_all_of_them_once(line_of, lane_cluster, wait_until):
    line = line_of(count=VIEWS - 1)
    line.start()
    line.publish(20)
    wait_until(lambda: line.accounted() == 20)
    late = line.add()
    first, second = (lane_group(line.name, line.topic, lane) for lane in (0, 1))
    begins = begin_beside(lane_cluster, first, second, line.topic, 2)
    assert begins == {0: 10, 1: 10}
    line.changes[late] = {"held": {"lane": 1, "start": begins}}
    line.apply()
    line.start(lane=1)
    line.publish(20)
    wait_until(lambda: line.numbers(late) == line.owed(first=10))
    wait_until(lambda: line.accounted() == 40)
    assert all(line.whole(one) for one in line.agreements[:-1])
    assert line.cover(late) == {0: list(range(10, 20)), 1: list(range(10, 20))}
    assert {audit.get("lane", 0) for audit in line.audits() if late in audit["agreements"]} == {1}


class Unasked(Places):
    """Places of a cluster that is not there."""

    def _beside(self, _contract, lane):
        return {0: 100 + lane}


def _documents(*agreements):
    found = {}
    for one in agreements:
        made = generation_of(agreement=one)
        found[one] = made.agreements[one].agreement
    return SimpleNamespace(agreements=found, contracts={"income": made.contracts["income"].contract})


def _places(documents, current):
    places = Unasked(None, "eco", documents, current)
    return {key: places.of(one) for key, one in documents.agreements.items()}


def test_a_lane_is_given_once_and_room_is_filled_from_the_front():
    names = [f"a-{number:02}" for number in range(60)]
    documents = _documents(*names)
    given = _places(documents, None)
    assert Counter(place.lane for place in given.values()) == {0: 50, 1: 10}
    assert {place.lane for name, place in given.items() if name < "a-50"} == {0}
    assert {tuple(place.start.items()) for name, place in given.items() if name >= "a-50"} == {((0, 101),)}
    current = generation_of()
    held = {name: _held(name, place, "terminated" if name == "a-00" else "in_force") for name, place in given.items()}
    current = type(current)(1, 0, "eco", current.charter, current.contracts, held)
    assert lanes_of(current, "income") == [0, 1]
    again = _places(_documents(*names, "b-new", "b-newer"), current)
    assert {name: again[name] for name in names} == given
    assert [again[name].lane for name in ("b-new", "b-newer")] == [0, 1]


def _held(name, place, status):
    held = generation_of(agreement=name, status=status).agreements[name]
    return type(held)(
        **{key: getattr(held, key) for key in held.__dataclass_fields__} | {"start": place.start, "lane": place.lane}
    )


def test_groups_of_lanes_differ_and_share_the_prefix_of_their_transactional_ids():
    groups = [lane_group("eco", "ee.income.v1", lane) for lane in range(3)]
    assert groups[0] == "penstock.eco.exchange.ee.income.v1"
    assert all(one.startswith(f"{groups[0]}.") for one in groups[1:])
    assert len({*groups}) == len(list(itertools.chain(groups)))
