"""Before a transaction's offsets a slot knows that what it decided on still holds, or decides again (law 7)."""

import statistics
import threading
import time
import uuid

import pytest
from generations import AT_MS, generation_of

from penstock.processors.access import next_lapse_ms
from penstock.schemas.consent import ConsentRecord
from penstock.schemas.erasure import ErasureOrder
from penstock.schemas.errors import UnavailableError
from penstock.schemas.slot_record import SlotPlace
from penstock.schemas.versioned import unpack
from penstock.streams import consents as consents_module
from penstock.streams import control as control_module
from penstock.streams import knowledge as knowledge_module
from penstock.streams import slots as slots_module
from penstock.streams.consents import ConsentWriter
from penstock.streams.control import ControlReader, ControlWriter
from penstock.streams.knowledge import Knowledge, require_valid
from penstock.streams.slots import SlotBoard
from penstock.streams.transaction import TransactionOutdated

ANNA, BELA = b"a" * 16, b"b" * 16
RELEASED = {("ee-fi", ANNA)}


@pytest.fixture(autouse=True)
def topics(hands, monkeypatch):
    """Control, consents and slots of this test's own."""
    for module, name in ((control_module, "CONTROL"), (consents_module, "CONSENTS"), (slots_module, "SLOTS")):
        monkeypatch.setattr(module, name, hands.topic())


@pytest.fixture
def ecosystem():
    return uuid.uuid4().hex[:8]


@pytest.fixture
def control(cluster, closing, ecosystem):
    """Whoever puts generations in force; the first is."""
    writer = closing(ControlWriter(cluster, ecosystem))
    writer.write(generation_of(1))
    return writer


@pytest.fixture
def consents(cluster, closing, ecosystem):
    return closing(ConsentWriter(cluster, ecosystem))


@pytest.fixture
def erased():
    """The orders that were carried out."""
    return []


@pytest.fixture
def knowledge(cluster, closing, control, erased, monkeypatch):
    """A slot's, which may take its time to decide: on a busy machine a test does."""
    monkeypatch.setattr(knowledge_module, "DECIDED_S", 60.0)
    reader = closing(ControlReader(cluster))
    assert reader.wait_for("income", threading.Event())
    known = closing(Knowledge(cluster, reader, erased.extend))
    known.announce(SlotPlace(f"penstock.{uuid.uuid4().hex}.0", "income", "group", 1))
    known.refresh()
    return known


def withdrawn(subject):
    return ConsentRecord("ee-fi", subject, given=False, at_ms=1)


def taken(knowledge, released=RELEASED, generation=1):
    """Ask again, as a runner does, until something is to be said about it; what is said."""
    knowledge.refresh()
    try:
        knowledge.require_current(generation, lambda: released)
    except TransactionOutdated as outdated:
        return outdated.message
    return ""


def test_what_nothing_came_after_may_be_committed(knowledge):
    assert taken(knowledge) == ""


def test_what_a_newer_generation_came_after_may_not(knowledge, control):
    knowledge.refresh()
    control.write(generation_of(2, status="suspended"))
    time.sleep(knowledge_module.FRESH_S)
    with pytest.raises(TransactionOutdated, match="generation 2 is in force"):
        knowledge.require_current(1, tuple)
    assert taken(knowledge, generation=2) == ""


def test_what_a_withdrawal_came_after_may_not_if_it_concerns_anybody_in_it(knowledge, consents):
    for subject, message in ((BELA, ""), (ANNA, "a consent was withdrawn")):
        knowledge.refresh()
        consents.write([withdrawn(subject)])
        time.sleep(knowledge_module.FRESH_S)
        if message:
            with pytest.raises(TransactionOutdated, match=message):
                knowledge.require_current(1, lambda: RELEASED)
        else:
            knowledge.require_current(1, lambda: RELEASED)
    assert taken(knowledge) == ""  # decided again, she is not in it


def test_what_lies_behind_aborted_records_is_known_too(knowledge, hands, wait_until):
    hands.produce(control_module.CONTROL, b"aborted", commit=False)
    wait_until(lambda: taken(knowledge) == "")


def test_where_kafka_does_not_tell_nothing_may_be_committed(knowledge, monkeypatch):
    monkeypatch.setattr(knowledge._ends, "ask", lambda _=0: None)
    time.sleep(knowledge_module.FRESH_S)
    assert "Kafka did not tell" in taken(knowledge)


def test_who_did_not_announce_itself_commits_nothing(cluster, closing, control, erased):
    reader = closing(ControlReader(cluster))
    assert reader.wait_for("income", threading.Event())
    assert "acknowledgement" in taken(closing(Knowledge(cluster, reader, erased.extend)))


def test_what_took_too_long_is_decided_again_but_not_for_ever(knowledge, monkeypatch):
    monkeypatch.setattr(knowledge_module, "DECIDED_S", 0.0)
    said = [taken(knowledge) for _ in range(4)]
    assert said == ["deciding took too long", "", "deciding took too long", ""]


def test_it_acknowledges_what_it_took_in_and_goes_on_so_while_it_waits(knowledge, control, consents, hands):
    control.write(generation_of(2))
    offset = consents.write([withdrawn(BELA), withdrawn(ANNA)])
    knowledge.wait(1.0, threading.Event())
    words = [unpack(value) for value in hands.read(slots_module.SLOTS, 3, timeout_s=2)]
    assert (words[0]["generation"], words[0]["consent_offset"]) == (1, -1)
    assert (words[-1]["generation"], words[-1]["consent_offset"]) == (2, offset)


def test_what_an_agreement_ended_after_is_decided_again():
    end_ms = next_lapse_ms(generation_of(), AT_MS)
    require_valid(generation_of(), AT_MS, end_ms - 1)
    require_valid(generation_of(), end_ms, end_ms + 1)
    require_valid(generation_of(status="terminated"), AT_MS, end_ms)
    with pytest.raises(TransactionOutdated, match="ended meanwhile"):
        require_valid(generation_of(), end_ms - 1, end_ms)


@pytest.mark.alone
def test_it_costs_less_than_a_millisecond(knowledge):
    took = []
    for _ in range(200):
        started = time.perf_counter()
        assert taken(knowledge) == ""
        took.append(time.perf_counter() - started)
    assert statistics.median(took) < 0.001


# --- orders to erase --------------------------------------------------------------------------------------------------


def ordered(case="case-1"):
    return ErasureOrder(case, (b"\x01" * 16,), store=0, at_ms=1)


def test_an_order_to_erase_aborts_whatever_is_in_hand_and_is_carried_out_before_it_is_acknowledged(
    cluster, knowledge, consents, erased
):
    offset = consents.write([ordered()])
    assert taken_as_it_is(knowledge) == "a data subject is to be erased"
    assert erased == []
    assert said_of(cluster, knowledge) < offset
    assert taken(knowledge) == ""
    assert [(one.offset, one.order) for one in erased] == [(offset, ordered())]
    assert knowledge.consent_offset == offset
    assert said_of(cluster, knowledge) == offset


def test_where_the_store_does_not_answer_nothing_is_acknowledged_and_it_is_asked_again(
    cluster, knowledge, consents, erased, monkeypatch
):
    def down(_):
        raise UnavailableError("the key store does not answer")

    offset = consents.write([ordered()])
    monkeypatch.setattr(knowledge, "_erase", down)
    assert taken_as_it_is(knowledge) == "a data subject is to be erased"
    with pytest.raises(UnavailableError):
        knowledge.refresh()
    knowledge.wait(0.3, threading.Event())
    assert said_of(cluster, knowledge) < offset
    monkeypatch.setattr(knowledge, "_erase", erased.extend)
    knowledge.refresh()
    assert [one.offset for one in erased] == [offset]


def test_who_begins_carries_out_what_was_ordered_before(cluster, closing, control, consents, erased):
    offset = consents.write([ordered()])
    reader = closing(ControlReader(cluster))
    assert reader.wait_for("income", threading.Event())
    known = closing(Knowledge(cluster, reader, erased.extend))
    known.announce(SlotPlace(f"penstock.{uuid.uuid4().hex}.0", "income", "group", 1))
    assert offset in [one.offset for one in erased]


def taken_as_it_is(knowledge):
    """What is said at the end of a transaction that was decided before anything new came."""
    time.sleep(knowledge_module.FRESH_S)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            knowledge.require_current(1, lambda: ())
        except TransactionOutdated as outdated:
            if "in time" not in outdated.message:
                return outdated.message
        else:
            return ""
    return "nothing in time"


def said_of(cluster, knowledge):
    """The last consent that the slot has acknowledged."""
    knowledge._voice.heard(20)
    board = SlotBoard(cluster)
    board.catch_up()
    offset = max(one.consent_offset for one in board.standing().values() if one.place == knowledge._voice._place)
    board.close()
    return offset
