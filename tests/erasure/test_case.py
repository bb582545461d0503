"""A case: which step may follow which, four eyes, holds, receipts; and its records byte by byte."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from penstock.processors.erasure_case import after, cases_of
from penstock.processors.erasure_notice import notice, receipt, signed, verified
from penstock.processors.signing import public_text
from penstock.schemas.charter import Charter, Member
from penstock.schemas.erasure import CaseStep, ErasureOrder, order_from, step_from
from penstock.schemas.errors import RecordError, RefusedError
from penstock.schemas.versioned import pack, unpack

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "erasure_1.json").read_text())
CASE = "20261201-0a1b2c3d"
SUBJECT = "00112233445566778899aabbccddeeff"
ORDER = ErasureOrder(CASE, (bytes.fromhex(SUBJECT),), store=7, at_ms=1_780_000_000_000)


def step(kind, by="dpo", at_ms=1, **said):
    return CaseStep(CASE, kind, at_ms, by, **said)


REQUESTED = step("requested", subjects=(SUBJECT,))
UP_TO_APPROVED = (REQUESTED, step("granted"), step("approved", by="deputy"))
NOTICED = (
    *UP_TO_APPROVED,
    step("destroyed", by="ee-tax", agreements=("ee-fi",), domains=("ee-fi",), acknowledged=("a.0",), fenced=("b.0",)),
    step("noticed", by="ee-tax", recipient="fi-tax", digest="ab", due_ms=10),
    step("noticed", by="ee-tax", recipient="ee-stat", digest="cd", due_ms=10),
)
RECEIPT = step("received", by="fi-tax", digest="ab", outcome="erased", key="ed25519:x", signature="y")


def case(*steps):
    return cases_of(steps)[CASE]


def refusal(*steps):
    with pytest.raises(RefusedError) as refused:
        cases_of(steps)
    return refused.value.message


# --- the walk of a case -----------------------------------------------------------------------------------------------


def test_a_case_walks_from_request_to_the_last_receipt():
    states = [case(*NOTICED[:count]).state for count in range(1, len(NOTICED) + 1)]
    assert states == ["requested", "granted", "approved", "destroyed", "notified", "notified"]
    answered = case(*NOTICED, RECEIPT)
    assert (answered.state, answered.missing, answered.overdue(11)) == ("notified", ["ee-stat"], ["ee-stat"])
    assert answered.overdue(10) == []
    closed = case(*NOTICED, RECEIPT, replace(RECEIPT, by="ee-stat", digest="cd"))
    assert (closed.state, closed.missing, closed.overdue(11)) == ("closed", [], [])


def test_where_nobody_received_anything_the_case_is_closed_by_saying_so():
    assert case(*NOTICED[:4], step("noticed", by="ee-tax")).state == "closed"


def test_who_decided_does_not_approve():
    assert refusal(REQUESTED, step("granted"), step("approved")) == "who decided does not approve"


def test_a_refused_case_goes_no_further_and_keeps_its_ground():
    refused = case(REQUESTED, step("refused", ground="GDPR Art. 17(3)(b)"))
    assert (refused.state, refused.steps[-1].ground) == ("refused", "GDPR Art. 17(3)(b)")
    assert refusal(*refused.steps, step("approved", by="deputy")) == "the case is refused"


def test_a_hold_stops_a_case_until_it_is_lifted():
    held = (REQUESTED, step("granted"), step("held", ground="court order 7"))
    assert refusal(*held, step("approved", by="deputy")) == "a legal hold is on it: court order 7"
    assert case(*held, step("freed"), step("approved", by="deputy")).state == "approved"


@pytest.mark.parametrize("count", range(len(NOTICED)))
def test_no_step_can_be_left_out_or_taken_twice(count):
    """Every step but the next one of its kind is refused where the case stands before it."""
    for other in NOTICED[:4]:
        if count >= 1 and other.kind != NOTICED[count].kind:
            assert refusal(*NOTICED[:count], other)
    if count == 0:
        assert refusal(NOTICED[1]) == "there is no such case"


@pytest.mark.parametrize("wrong", [{"by": "ee-tax"}, {"digest": "zz"}])
def test_a_receipt_that_answers_no_notice_counts_for_nothing(wrong):
    assert refusal(*NOTICED, replace(RECEIPT, **wrong)) == "it answers no notice of this case"


def test_the_first_receipt_stands():
    twice = case(*NOTICED, RECEIPT, replace(RECEIPT, outcome="kept", ground="another law"))
    assert twice.recipients["fi-tax"].receipt == RECEIPT


def test_a_step_does_not_change_the_case_before_it():
    before = case(*NOTICED)
    after(before, RECEIPT)
    assert before == case(*NOTICED)


# --- the records ------------------------------------------------------------------------------------------------------


def test_the_golden_order():
    held = GOLDEN["order"]
    assert unpack(bytes.fromhex(held["bytes"])) == held["says"]
    assert (ORDER.key().decode(), ORDER.to_value().hex()) == (held["key"], held["bytes"])
    assert order_from(bytes.fromhex(held["bytes"])) == ORDER


@pytest.mark.parametrize(("one", "held"), list(zip((*NOTICED, RECEIPT), GOLDEN["steps"], strict=True)))
def test_the_golden_steps(one, held):
    assert unpack(bytes.fromhex(held["bytes"])) == held["says"]
    assert one.to_value().hex() == held["bytes"]
    assert step_from(bytes.fromhex(held["bytes"])) == one


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "consent"},
        {"step": "blessed"},
        {"more": 1},
        {"at_ms": "1"},
        {"by": 1},
        {"subjects": [1]},
        {"due_ms": True},
    ],
)
def test_what_is_no_step_is_refused(change):
    with pytest.raises(RecordError):
        step_from(pack({**GOLDEN["steps"][0]["says"], **change}))


@pytest.mark.parametrize(
    "change", [{"kind": "consent"}, {"subjects": []}, {"subjects": ["zz"]}, {"store": "7"}, {"case": 1}]
)
def test_what_is_no_order_is_refused(change):
    with pytest.raises(RecordError):
        order_from(pack({**GOLDEN["order"]["says"], **change}))


@given(st.binary(max_size=60))
def test_whatever_bytes_come_they_are_a_record_or_refused(data):
    for read in (order_from, step_from):
        with pytest.raises(RecordError):
            read(b"\x01" + data)


# --- signatures -------------------------------------------------------------------------------------------------------

KEY, OTHER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
TOLD = notice(ecosystem="eco", case=CASE, recipient="fi-tax", agreements=[], at_ms=1, due_ms=2)
SAID = receipt(case=CASE, recipient="fi-tax", answers="ab", outcome="erased", ground="", at_ms=3)


def charter(key=KEY):
    members = tuple(
        Member(id=one, name=one, country="EE", roles=("provider",), public_key=public)
        for one, public in (("ee-tax", public_text(key)), ("no-key", None))
    )
    return Charter.model_construct(members=members)


def test_a_notice_holds_under_the_charters_key():
    assert verified("notice", signed("notice", TOLD, "ee-tax", KEY), charter()) == TOLD


@pytest.mark.parametrize(
    "spoil",
    [
        lambda held: {**held, "said": {**held["said"], "due_ms": 3}},
        lambda held: {**held, "member": "no-key"},
        lambda held: {**held, "member": "nobody"},
        lambda held: {**held, "key": public_text(OTHER)},
        lambda held: {**held, "signature": signed("notice", SAID, "ee-tax", KEY)["signature"]},
        lambda held: {**held, "signature": "no base64 at all!"},
        lambda _: signed("notice", TOLD, "ee-tax", OTHER),
        lambda _: signed("receipt", TOLD, "ee-tax", KEY),
        lambda _: signed("notice", SAID, "ee-tax", KEY),
        lambda _: signed("notice", {**TOLD, "version": 2}, "ee-tax", KEY),
        lambda held: {key: value for key, value in held.items() if key != "signature"},
        lambda held: [held],
        lambda _: None,
    ],
)
def test_nothing_else_does(spoil):
    with pytest.raises(RefusedError):
        verified("notice", spoil(signed("notice", TOLD, "ee-tax", KEY)), charter())
