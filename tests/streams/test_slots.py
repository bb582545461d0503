"""Slots say up to where they act on changes; who does not is fenced, and who is gone is not waited for."""

import uuid

import pytest

from penstock.schemas.errors import RoleExit
from penstock.schemas.slot_record import SlotPlace
from penstock.streams import settling as settling_module
from penstock.streams import slots as slots_module
from penstock.streams.settling import Change, Settled, Settling
from penstock.streams.slots import SlotVoice


@pytest.fixture(autouse=True)
def topic(hands, monkeypatch):
    """The topic of this test's own slots."""
    name = hands.topic(**{"cleanup.policy": "compact"})
    monkeypatch.setattr(slots_module, "SLOTS", name)
    return name


@pytest.fixture
def slot_of(cluster, closing):
    """`slot_of(name, epoch)`: the voice of a slot that said that it knows generation 1."""

    def make(name, epoch=1, dataset="income"):
        voice = closing(SlotVoice(cluster, SlotPlace(name, dataset, "group", epoch)))
        voice.announce(1, -1)
        return voice

    return make


@pytest.fixture
def names():
    salt = uuid.uuid4().hex[:8]
    return [f"penstock.{salt}.exchange.income.{number}" for number in range(3)]


@pytest.fixture
def seen(cluster, closing):
    return lambda: closing(Settling(cluster))


def test_who_acknowledged_is_not_fenced_and_who_did_not_is(slot_of, names, seen, producer_of, hands):
    """What the fenced one has ready is aborted, and it is told so when it commits."""
    view = hands.topic()
    quick, slow = names[:2]
    producer, knowing = producer_of(slow), slot_of(quick)
    slot_of(slow)
    change = seen()
    knowing.say(2, -1)
    settled = []

    def decided_before() -> None:
        with producer.transaction() as transaction:
            transaction.produce(view, b"decided before the change", key=b"k", partition=0)
            transaction.flush()
            settled.append(change.settle(Change(frozenset(("income",)), 2)))

    with pytest.raises(RoleExit):
        decided_before()
    assert settled == [Settled((quick,), (slow,))]
    assert hands.read(view, 1, timeout_s=2) == []
    assert len(hands.read(view, 1, committed=False, timeout_s=20)) == 1


def test_a_fenced_slot_is_waited_for_again_from_its_next_word_on(slot_of, names, seen):
    voice = slot_of(names[0])
    change = Change(frozenset(("income",)), 2)
    assert seen().settle(change).fenced == (names[0],)
    assert seen().settle(change) == settling_module.NOBODY
    voice.say(2, -1)
    assert voice.heard(20)
    assert seen().settle(change).acknowledged == (names[0],)
    assert seen().settle(Change(frozenset(("income",)), 3)).fenced == (names[0],)


def test_who_left_in_order_and_who_serves_another_dataset_is_not_waited_for(slot_of, names, seen):
    slot_of(names[0]).leave()
    slot_of(names[1], dataset="other")
    assert seen().settle(Change(frozenset(("income",)), 2)) == settling_module.NOBODY


def test_a_consent_is_known_from_its_offset_on(slot_of, names, seen):
    voice = slot_of(names[0])
    voice.say(1, 7)
    assert voice.heard(20)
    assert seen().settle(Change(frozenset(("income",)), consent_offset=7)).acknowledged == (names[0],)
    assert seen().settle(Change(frozenset(("income",)), consent_offset=8)).fenced == (names[0],)


def test_a_slot_that_comes_while_a_change_is_made_is_waited_for(slot_of, names, seen):
    change = seen()
    slot_of(names[0])
    assert change.settle(Change(frozenset(("income",)), 2)).fenced == (names[0],)


def test_a_late_word_of_a_replaced_incarnation_counts_for_nobody(slot_of, names, seen):
    """Nor does its leaving: it would hide the one that lives."""
    replaced = slot_of(names[0], epoch=1)
    slot_of(names[0], epoch=2)
    replaced.say(2, -1)
    assert replaced.heard(20)
    replaced.leave()
    assert seen().settle(Change(frozenset(("income",)), 2)).fenced == (names[0],)


def test_a_word_that_cannot_be_read_is_of_a_slot_that_knows_nothing(names, seen, hands, topic):
    hands.produce(topic, b"\x02 from the future", key=names[0].encode())
    hands.produce(topic, b"x", key=b"of somebody else")
    assert seen().settle(Change(frozenset(("income",)), 1)).fenced == (names[0],)


def test_who_is_waited_for_is_told_when_it_takes_long(slot_of, names, seen, monkeypatch):
    slot_of(names[0])
    monkeypatch.setattr(settling_module, "SAY_S", 0.0)
    told = []
    seen().settle(Change(frozenset(("income",)), 2), told.append)
    assert told == [(names[0],)]


def test_nothing_is_said_twice(slot_of, names, hands, topic):
    voice = slot_of(names[0])
    for generation in (1, 2, 2):
        voice.say(generation, -1)
    assert voice.heard(20)
    assert len(hands.read(topic, 3, timeout_s=2)) == 2


def test_who_comes_back_learns_from_the_slot_that_another_is_in_it(cluster, slot_of, names):
    first = slot_of(names[0], epoch=1)
    mine = SlotPlace(names[0], "income", "group", 1)
    slots_module.require_last(cluster, mine)
    slot_of(names[0], epoch=2)
    first.say(2, -1)  # a word that comes late counts for nobody
    assert first.heard(10)
    with pytest.raises(RoleExit, match="later process"):
        slots_module.require_last(cluster, mine)
    slots_module.require_last(cluster, SlotPlace(names[0], "income", "group", 2))
