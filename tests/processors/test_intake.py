"""The publisher's door: whatever a record is, it comes out accepted or refused, and no refusal quotes it."""

from collections import UserDict
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from view_world import contract_of, record

from penstock.processors import intake as intake_module
from penstock.processors.intake import Intake, SeenIds
from penstock.processors.judged import Accepted, Rejected
from penstock.schemas.ports import SourceRecord

WHEN = {"type": "long", "logicalType": "timestamp-millis"}
CONTRACT = contract_of(record(("id", "string"), ("at", WHEN), ("person", "string"), ("amount", ["null", "double"])))
AT = int(datetime(2026, 5, 17, tzinfo=UTC).timestamp() * 1000)


def intake(*, text=False):
    return Intake(CONTRACT, 7, b"r" * 32, text=text)


class Hostile(UserDict):
    """A record that breaks where it is read."""

    def keys(self):
        raise ZeroDivisionError("PLANTED")


def test_a_record_that_breaks_the_check_is_refused_in_our_words():
    taken = intake().take(SourceRecord({}, "here", Hostile(id="1", person="PLANTED")), AT)
    assert isinstance(taken, Rejected)
    assert (taken.reason, taken.detail) == ("poison", "checking failed: ZeroDivisionError")
    assert taken.subject is not None


def test_half_a_surrogate_pair_names_nobody():
    taken = intake().take(SourceRecord({}, "here", {"id": "1", "at": AT, "person": "\ud800"}), AT)
    assert isinstance(taken, Rejected)
    assert (taken.reason, taken.subject) == ("type", None)


def test_the_ids_of_an_endless_input_are_bounded(monkeypatch):
    monkeypatch.setattr(intake_module, "MOST_IDS", 3)
    seen = SeenIds()
    for number in range(7):
        seen.add(str(number))
        assert len(seen.ids) <= 3
        assert str(number) in seen.ids


ANYTHING = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(st.characters(exclude_categories=())),
        st.binary(),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
ROWS = st.dictionaries(st.sampled_from(["id", "at", "person", "amount", "other"]), ANYTHING, max_size=5)


@given(ROWS, st.booleans())
def test_anything_at_all_is_accepted_or_refused(row, text):
    known = {"id": "1", "at": AT, "person": "p", "amount": 1.0}
    door = intake(text=text)
    for value in (row, known | row):
        taken = door.take(SourceRecord({}, "here", value), AT)
        assert isinstance(taken, Accepted | Rejected)
        assert not isinstance(taken, Rejected) or taken.reason != "poison"
