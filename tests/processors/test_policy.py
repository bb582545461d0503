"""Policy: each reason, the order of the tests, and that whatever is not clearly allowed is withheld."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from view_world import agreement_of

from penstock.processors.policy import decide, standing
from penstock.processors.predicate import PredicateError
from penstock.schemas.agreement import Agreement
from penstock.schemas.charter import Charter
from penstock.schemas.reasons import Reason

NOW = datetime(2026, 6, 1, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
CHARTER = Charter.model_validate(
    {
        "version": 1,
        "id": "eco",
        "title": "An ecosystem",
        "members": (),
        "purposes": ({"iri": "dpv:Tax", "label": "Tax"},),
        "legal_bases": ({"iri": "gdpr:c", "label": "law"}, {"iri": "gdpr:e", "label": "task"}),
        "places": ("EE", "FI"),
        "transfer_mechanisms": ("SCC 2021/914",),
        "retention_classes": (),
    }
)


def agreement(**changes):
    return agreement_of({}, places=("EE", "FI"), **changes)


def bases(provider, recipient):
    return {
        "provider": {"basis": provider, "statute": "A"},
        "recipient": {"basis": recipient, "statute": "B"},
    }


REASONS = [
    ({}, "in_force", None),
    ({}, "suspended", Reason.SUSPENDED),
    ({}, "terminated", Reason.NOT_IN_FORCE),
    ({}, "", Reason.NOT_IN_FORCE),
    ({}, "IN_FORCE", Reason.NOT_IN_FORCE),
    ({"valid": {"from": "2026-06-02T00:00:00Z", "until": "2027-01-01T00:00:00Z"}}, "in_force", Reason.NOT_YET_VALID),
    ({"valid": {"from": "2025-01-01T00:00:00Z", "until": "2026-01-01T00:00:00Z"}}, "in_force", Reason.EXPIRED),
    ({"purpose": "dpv:tax"}, "in_force", Reason.PURPOSE),
    ({"purpose": "dpv:Tax/"}, "in_force", Reason.PURPOSE),
    ({"legal_basis": bases("gdpr:a", "gdpr:e")}, "in_force", Reason.LEGAL_BASIS),
    ({"legal_basis": bases("gdpr:c", "gdpr:a")}, "in_force", Reason.LEGAL_BASIS),
    ({"processing": {"place": "US"}}, "in_force", Reason.PLACE),
    ({"processing": {"place": "US", "transfer_mechanism": "our word"}}, "in_force", Reason.PLACE),
    ({"processing": {"place": "US", "transfer_mechanism": "SCC 2021/914"}}, "in_force", None),
]


@pytest.mark.parametrize(("changes", "status", "reason"), REASONS)
def test_standing(changes, status, reason):
    assert standing(agreement(**changes), CHARTER, status, NOW_MS) is reason


def test_the_first_reason_in_the_stated_order_is_given():
    """With everything wrong at once, mending one thing after the other shows the order."""
    wrong = {
        "valid": {"from": "2026-06-02T00:00:00Z", "until": "2026-05-01T00:00:00Z"},
        "purpose": "dpv:Other",
        "legal_basis": bases("gdpr:a", "gdpr:a"),
        "processing": {"place": "US"},
    }
    status = "suspended"
    seen = [standing(agreement(**wrong), CHARTER, status, NOW_MS)]
    status = "in_force"
    seen.append(standing(agreement(**wrong), CHARTER, status, NOW_MS))
    wrong["valid"] = {"from": "2026-01-01T00:00:00Z", "until": "2026-05-01T00:00:00Z"}
    seen.append(standing(agreement(**wrong), CHARTER, status, NOW_MS))
    for key in ("valid", "purpose", "legal_basis", "processing"):
        del wrong[key]
        seen.append(standing(agreement(**wrong), CHARTER, status, NOW_MS))
    assert seen == [
        Reason.SUSPENDED,
        Reason.NOT_YET_VALID,
        Reason.EXPIRED,
        Reason.PURPOSE,
        Reason.LEGAL_BASIS,
        Reason.PLACE,
        None,
    ]


def test_validity_begins_inclusive_and_ends_exclusive_to_the_microsecond():
    held = agreement(valid={"from": "2026-06-01T00:00:00.0005Z", "until": "2026-06-01T00:00:00.002Z"})
    found = [standing(held, CHARTER, "in_force", NOW_MS + ms) for ms in (0, 1, 2)]
    assert found == [Reason.NOT_YET_VALID, None, Reason.EXPIRED]


@dataclass
class Program:
    agreement: Agreement = field(default_factory=agreement)
    data_subject: str | None = "person"
    predicate: object = None


@dataclass
class Event:
    value: dict = field(default_factory=dict)
    subjects: dict = field(default_factory=lambda: {"person": b"ref"})


CONSENT = agreement(consent="required")
ROWS = agreement(predicate="true")


@pytest.mark.parametrize(
    ("program", "event", "consents", "reason"),
    [
        (Program(), Event(), frozenset(), None),
        (Program(CONSENT), Event(), frozenset(), Reason.CONSENT),
        (Program(CONSENT), Event(), {b"other"}, Reason.CONSENT),
        (Program(CONSENT), Event(), {b"ref"}, None),
        (Program(CONSENT), Event(subjects={}), {b"ref"}, Reason.CONSENT),
        (Program(CONSENT, None), Event(), {b"ref"}, Reason.CONSENT),
        (Program(ROWS, predicate=lambda _: True), Event(), (), None),
        (Program(ROWS, predicate=lambda _: False), Event(), (), Reason.PREDICATE),
        (Program(ROWS, predicate=lambda _: 1), Event(), (), Reason.PREDICATE),
        (Program(ROWS, predicate=None), Event(), (), Reason.PREDICATE_ERROR),
    ],
)
def test_decide(program, event, consents, reason):
    assert decide(program, event, consents) is reason


def test_a_predicate_that_errors_withholds_with_its_own_reason():
    def predicate(_):
        raise PredicateError("no")

    assert decide(Program(ROWS, predicate=predicate), Event(), ()) is Reason.PREDICATE_ERROR


def test_consent_is_asked_before_the_predicate():
    program = Program(agreement(consent="required", predicate="true"), predicate=lambda _: False)
    assert decide(program, Event(), ()) is Reason.CONSENT
