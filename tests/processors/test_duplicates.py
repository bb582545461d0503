"""The window of duplicates against a memory that forgets nothing, and what of a record counts as its content."""

from hypothesis import given, settings
from hypothesis import strategies as st
from view_world import contract_of, record

from penstock.processors.duplicates import Attempt, Match, Recollection, Window
from penstock.processors.intake import Intake
from penstock.processors.judged import Accepted, Discarded, Rejected
from penstock.schemas.confluent_wire import frame
from penstock.schemas.contract_quality import Late, Quality, Range
from penstock.schemas.ports import SourceRecord, Verdict

HOUR_MS = 3_600_000
AT_MS = 1_780_000_000_000
SECRET = b"s" * 16
WHEN = {"type": "long", "logicalType": "timestamp-millis"}
FIELDS = (("id", "string"), ("at", WHEN), ("person", "string"), ("amount", ["null", "double"]))
SCHEMA = record(*FIELDS)
FLAGS = {"name": "flags", "type": {"type": "array", "items": "string"}, "default": []}
FLAGGED = {**SCHEMA, "fields": [*SCHEMA["fields"], FLAGS]}
WINDOWED = contract_of(SCHEMA, duplicate_window="PT1H")
RULES = (Quality("", Late(rule="late", after="PT10M")), Quality("amount", Range(rule="range", minimum=0)))


def event(number, amount=1.0, **more):
    return {"id": f"e{number}", "at": AT_MS, "person": "p", "amount": amount, **more}


def door(contract=WINDOWED, window=None, schema_id=7):
    return Intake(contract, schema_id, b"r" * 32, text=False, memory=window or Window(HOUR_MS, SECRET))


def judge(intake, *values, at_ms=AT_MS, keep=True):
    judged = intake.judge([SourceRecord({}, "here", value) for value in values], at_ms)
    if keep:
        judged.keep()
    return [verdict.outcome for verdict in judged.verdicts]


# --- the window against a memory that forgets nothing ---


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 40),  # time that passes before the batch
            st.booleans(),  # whether it is committed
            st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("xy")), max_size=4),
        ),
        max_size=12,
    )
)
def test_the_window_knows_what_was_committed_within_it_and_nothing_else(batches):
    window, history, now_ms = Window(60, SECRET), [], AT_MS
    for passed, committed, events in batches:
        now_ms += passed
        attempt, fresh = Attempt(window, now_ms), {}
        for event_id, content in events:
            recent = {name: held for at_ms, held in history if now_ms - at_ms < 60 for name, held in [held]}
            known = {**recent, **fresh}.get(event_id)
            wanted = Match.NEW if known is None else Match.SAME if known == content else Match.OTHER
            assert attempt.match(event_id, content.encode()) is wanted
            if known is None:
                fresh[event_id] = content
        if committed:
            attempt.keep()
            history += [(now_ms, item) for item in fresh.items()]
        alive = {name for at_ms, (name, _) in history if now_ms - at_ms < 60}
        assert window.count >= len(alive)
    attempt = Attempt(window, now_ms + 60)
    attempt.keep()
    assert window.count == 0


def test_the_last_ids_are_known_however_long_the_window_is():
    window = Window(HOUR_MS, SECRET, most=3)
    for number in range(5):
        attempt = Attempt(window, AT_MS + number)
        attempt.match(str(number), b"x")
        attempt.keep()
    assert window.count == 3
    judged = [Attempt(window, AT_MS + 5).match(str(number), b"x") for number in range(5)]
    assert judged == [Match.NEW, Match.NEW, Match.SAME, Match.SAME, Match.SAME]


def test_an_id_whose_time_was_over_counts_from_its_return():
    window = Window(100, SECRET, most=2)
    for name, at_ms in (("a", 0), ("b", 90), ("a", 150), ("c", 151)):
        window.remember({window.id_digest(name): window.content_digest(b"x")}, at_ms)
    assert [window.content_of(window.id_digest(name), 152) is not None for name in "abc"] == [True, False, True]


def test_what_partitions_give_out_of_order_is_forgotten_in_order():
    window = Window(HOUR_MS, SECRET)
    for at_ms in (AT_MS + 2, AT_MS + 1, AT_MS + 3, AT_MS):
        window.remember({window.id_digest(str(at_ms)): window.content_digest(b"x")}, at_ms)
    window.settle(AT_MS + 3)
    for gone in range(4):
        window.remember({}, AT_MS + HOUR_MS + gone)
        assert window.count == 3 - gone


def test_two_windows_of_different_secrets_have_different_digests():
    one, other = Window(HOUR_MS, b"1" * 16), Window(HOUR_MS, b"2" * 16)
    assert one.id_digest("e1") != other.id_digest("e1")
    assert one.content_digest(b"e1") != other.content_digest(b"e1")


# --- the door ---


def test_a_record_that_is_sent_again_is_discarded_and_another_under_its_id_is_refused():
    intake = door()
    judged = intake.judge(
        [SourceRecord({}, "here", one) for one in (event(1), event(2), event(1), event(2, 5.0), {"id": "e3"})], AT_MS
    )
    assert [type(one) for one in (*judged.accepted, *judged.rejected)] == [Accepted, Accepted, Rejected, Rejected]
    assert judged.verdicts == [
        Verdict("published"),
        Verdict("published"),
        Verdict("duplicate"),
        Verdict("quarantined", "duplicate", "another record was published under this id"),
        Verdict("quarantined", "columns", judged.rejected[1].detail),
    ]
    assert (judged.duplicates, judged.refused) == (1, {"duplicate": 1, "columns": 1})
    assert judged.rejected[0].subject is not None
    judged.keep()
    assert judge(intake, event(1), event(2), event(1, None)) == ["duplicate", "duplicate", "quarantined"]


def test_nothing_is_remembered_that_was_not_kept():
    intake = door()
    assert judge(intake, event(1), keep=False) == ["published"]
    assert judge(intake, event(1, 2.0)) == ["published"]
    assert judge(intake, event(1)) == ["quarantined"]


def test_a_refused_record_is_not_remembered():
    intake = door()
    assert judge(intake, event(1, person="")) == ["quarantined"]
    assert judge(intake, event(1)) == ["published"]


def test_after_the_window_an_id_is_free_again():
    intake = door()
    judge(intake, event(1))
    assert judge(intake, event(1), at_ms=AT_MS + HOUR_MS - 1) == ["duplicate"]
    assert judge(intake, event(1, 2.0), at_ms=AT_MS + HOUR_MS) == ["published"]


def test_a_resend_does_not_lengthen_the_window():
    intake = door()
    judge(intake, event(1))
    judge(intake, event(1), at_ms=AT_MS + HOUR_MS - 1)
    assert judge(intake, event(1), at_ms=AT_MS + HOUR_MS) == ["published"]


def test_another_writer_schema_makes_another_content():
    window = Window(HOUR_MS, SECRET)
    judge(door(window=window), event(1))
    assert judge(door(window=window, schema_id=8), event(1)) == ["quarantined"]


def test_without_a_window_an_id_may_appear_once_in_a_file():
    intake = Intake(contract_of(SCHEMA), 7, b"r" * 32, text=False)
    judged = intake.judge([SourceRecord({}, "here", one) for one in (event(1), event(1))], AT_MS)
    assert judged.verdicts[1] == Verdict("quarantined", "duplicate", "the event id appeared before in the same file")


def test_fields_that_were_left_out_are_no_content():
    intake = door(contract_of(SCHEMA, duplicate_window="PT1H", drops_unknown=True))
    judged = intake.judge([SourceRecord({}, "here", event(1, firmware="2.1", beta=True)), *resent(event(1))], AT_MS)
    assert [one.outcome for one in judged.verdicts] == ["published", "duplicate"]
    assert judged.unclassified == 2
    assert judge(door(), event(2, firmware="2.1")) == ["quarantined"]


def resent(*values):
    return [SourceRecord({}, "here", value) for value in values]


# --- quality flags ---


def flagged_door(**changes):
    said = {"duplicate_window": "PT1H", "quality": RULES, "quality_flags": "flags", **changes}
    return door(contract_of(FLAGGED, **said))


def test_flags_are_put_in_and_are_no_content():
    """What was in time is late when it is sent again."""
    intake = flagged_door()
    judged = intake.judge(resent(event(1, -1.0, flags=["planted"])), AT_MS)
    assert [one.flags for one in judged.accepted] == [("range:amount",)]
    assert judged.flagged == {"range:amount": 1}
    assert intake._codec.decode(judged.accepted[0].value[5:])["flags"] == ["range:amount"]
    judged.keep()
    late = AT_MS + 20 * 60_000
    assert judge(intake, event(1, -1.0), event(1, -1.0, flags=7), at_ms=late) == ["duplicate", "duplicate"]
    judged = intake.judge(resent(event(2, -1.0), event(3, 0.0), event(2)), late)
    assert [one.flags for one in judged.accepted] == [("late", "range:amount"), ("late",)]
    assert judged.flagged == {"late": 2, "range:amount": 1}
    assert judged.refused == {"duplicate": 1}


def test_flags_without_a_field_are_counted_only():
    intake = door(contract_of(SCHEMA, quality=RULES))
    judged = intake.judge(resent(event(1, -1.0)), AT_MS)
    assert judged.flagged == {"range:amount": 1}
    assert judged.accepted[0].value == judged.accepted[0].content


def test_a_flag_hides_no_refusal():
    judged = flagged_door().judge(resent(event(1, -1.0, person=""), event(2, "-1")), AT_MS + HOUR_MS)
    assert judged.refused == {"subject": 1, "type": 1}
    assert (judged.flagged, judged.accepted) == ({}, [])


# --- what lies on the topic ---


@settings(deadline=None)
@given(
    st.lists(st.builds(event, st.integers(0, 5), st.sampled_from([None, -1.0, 0.0, 1.0])), max_size=8),
    st.booleans(),
    st.integers(0, 20 * 60_000),
)
def test_a_window_that_was_read_back_judges_as_the_one_that_saw_it_happen(values, with_flags, delay_ms):
    contract = contract_of(
        FLAGGED, duplicate_window="PT1H", quality=RULES, quality_flags="flags" if with_flags else None
    )
    seen, again = Window(HOUR_MS, SECRET), Window(HOUR_MS, b"another secret!!")
    judged = door(contract, seen).judge(resent(*values), AT_MS + delay_ms)
    judged.keep()
    recollection = Recollection(contract, {7: FLAGGED}, again)
    for one in reversed(judged.accepted):
        recollection.recall(one.value, AT_MS + delay_ms)
    again.settle(AT_MS + delay_ms)
    every = [event(number, amount) for number in range(6) for amount in (None, -1.0, 0.0, 1.0)]
    later = AT_MS + delay_ms + 1
    assert judge(door(contract, again), *every, at_ms=later) == judge(door(contract, seen), *every, at_ms=later)


def test_what_is_no_event_of_the_contract_is_passed_over():
    window = Window(HOUR_MS, SECRET)
    recollection = Recollection(WINDOWED, {7: SCHEMA}, window)
    for value in (None, b"", b"\x00", frame(99, b"x"), frame(7, b"\xff")):
        recollection.recall(value, AT_MS)
    assert window.count == 0


def test_discarded_records_are_told_apart():
    intake = door()
    assert isinstance(intake._weigh(*weighed(intake, event(1))), Accepted)
    judge(intake, event(1))
    assert isinstance(intake._weigh(*weighed(intake, event(1))), Discarded)


def weighed(intake, value):
    (made,) = resent(value)
    return made, intake.take(made, AT_MS), Attempt(intake._window, AT_MS)
