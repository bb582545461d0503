"""Scenarios: what is compared, and how a lawyer reads it."""

import copy
from typing import Any

import pytest

from penstock.ops.documents.scenario_text import EXPLAINED, sentences
from penstock.ops.documents.scenarios import Decided, ScenarioResult, run_scenarios, value_at
from penstock.schemas.agreement import Agreement
from penstock.schemas.errors import RecordError
from penstock.schemas.reasons import Reason, Refusal
from penstock.schemas.scenario import Given

SCENARIO = "scenarios/long-visit.yaml"
VIEW: dict[str, Any] = {
    "visit_id": "7d0a",
    "at": 1_777_593_600_000,
    "person": {"ref": "a8f2", "name": "A", "born": 3652},
    "doctor": "99bc",
    "ward": b"\x01" * 53,
    "minutes": 30,
    "weight": 61.25,
    "price": b"\x04\xe2",
    "codes": ["x", "y"],
    "lines": b"\x01" * 69,
    "limits": {"k": {"low": 1.0, "high": 2.0}},
}


def run(ecosystem, reason: Reason | None = None, **changed: Any) -> ScenarioResult:
    view = {name: value for name, value in {**copy.deepcopy(VIEW), **changed}.items() if value is not ...}
    asked: list[tuple[Agreement, Given]] = []

    def decide(agreement: Agreement, given: Given) -> Decided:
        asked.append((agreement, given))
        return Decided(reason, None if reason else view)

    (result,) = run_scenarios(ecosystem.load(), decide)
    assert [(agreement.id, given.consent) for agreement, given in asked] == [("visits-lab", "none")]
    return result


def said(result: ScenarioResult) -> list[str]:
    return [str(mismatch) for mismatch in result.mismatches]


def test_what_is_as_expected_passes(ecosystem) -> None:
    """Instants, dates and decimals are compared as their field's type, whatever way the scenario writes them."""
    ecosystem.edit(SCENARIO, "    notes: absent", "    notes: absent\n    price: 12.50\n    limits{}.low: [1.0]")
    result = run(ecosystem)
    assert result.passed, said(result)


@pytest.mark.parametrize(
    ("changed", "mismatch"),
    [
        ({"at": 1_777_593_600_001}, "at: expected 2026-05-01T00:00:00Z, found 2026-05-01T00:00:00.001000Z"),
        ({"person": {**VIEW["person"], "name": "Ada"}}, "person.name: expected A, found Ada"),
        ({"person": {**VIEW["person"], "born": 3653}}, "person.born: expected 1980-01-01, found 1980-01-02"),
        ({"minutes": 34}, "minutes: expected 30, found 34"),
        ({"minutes": ...}, "minutes: expected 30, found absent"),
        ({"notes": {"k": "v"}}, "notes: expected absent, found {'k': 'v'}"),
        ({"ward": "A"}, "ward: expected encrypted, found A"),
        ({"lines": [{"text": "a", "count": 1}]}, "lines: expected encrypted, found [{'text': 'a', 'count': 1}]"),
        ({"visit_id": 7}, "visit_id: expected pseudonym, found 7"),
        ({"codes": ["x"]}, "codes[]: expected ['x', 'y'], found ['x']"),
    ],
    ids=lambda value: str(value).split(":", 1)[0] if isinstance(value, str) else "",
)
def test_what_is_not_as_expected_is_named(ecosystem, changed: dict[str, Any], mismatch: str) -> None:
    assert said(run(ecosystem, **changed)) == [mismatch]


def test_a_wrong_outcome_says_which_came(ecosystem) -> None:
    assert said(run(ecosystem, Reason.PLACE)) == ["outcome: expected released, found withheld (place)"]


def test_a_wrong_reason_is_a_mismatch(ecosystem) -> None:
    text = (ecosystem.root / SCENARIO).read_text(encoding="utf-8")
    ecosystem.write(SCENARIO, text[: text.index("then:")] + "then: {outcome: withheld, reason: consent}\n")
    assert said(run(ecosystem, Reason.PLACE)) == ["outcome: expected withheld (consent), found withheld (place)"]
    assert said(run(ecosystem)) == ["outcome: expected withheld (consent), found released"]
    assert run(ecosystem, Reason.CONSENT).passed


def test_a_protection_that_the_agreement_does_not_give_fails_whatever_the_value_looks_like(ecosystem) -> None:
    ecosystem.edit(SCENARIO, "    minutes: 30", "    minutes: noisy")
    assert said(run(ecosystem)) == ["minutes: expected noisy, found 30"]


def test_a_word_that_is_meant_as_a_value(ecosystem) -> None:
    ecosystem.edit(SCENARIO, "    person.name: A\n", "    person.name: {value: absent}\n")
    assert run(ecosystem, person={**VIEW["person"], "name": "absent"}).passed
    assert said(run(ecosystem)) == ["person.name: expected absent, found A"]


def test_an_expectation_that_no_value_of_the_field_meets(ecosystem) -> None:
    ecosystem.edit(SCENARIO, "    minutes: 30", "    minutes: half an hour")
    (mismatch,) = run(ecosystem).mismatches
    assert "which is no value of this field" in mismatch.expected


def test_an_event_that_the_contract_refuses_fails_its_scenario(ecosystem) -> None:
    def decide(_agreement: Agreement, _given: Given) -> Decided:
        raise RecordError(Refusal.TYPE, "field `minutes` wants an int")

    (result,) = run_scenarios(ecosystem.load(), decide)
    assert said(result) == ["event: expected one that the data contract accepts, found field `minutes` wants an int"]


def test_values_below_arrays_and_maps() -> None:
    record = {"a": [{"b": 1}, {"b": None}], "m": {"x": {"c": [1, 2]}, "y": {"c": []}}, "e": b"..", "n": None}
    assert value_at(record, "a[].b") == [1, None]
    assert value_at(record, "m{}.c[]") == [[1, 2], []]
    assert value_at(record, "e[].b") == b".."
    assert value_at(record, "n.b") is None


def test_a_lawyer_reads_sentences(ecosystem) -> None:
    assert sentences(run(ecosystem, minutes=34)) == [
        "FAIL  A long visit reaches the laboratory.",
        "  Given the agreement visits-lab on 01 June 2026 at 12:00 UTC",
        "  and the data subject has given no consent,",
        "  when an event arrives with visit_id, at, person, doctor, ward, minutes and 6 more fields,",
        "  then it is released, and in the recipient's view",
        "    visit_id is a pseudonym",
        "    at is 2026-05-01T00:00:00Z",
        "    person.ref is a pseudonym",
        "    person.name is A",
        "    person.born is 1980-01-01",
        "    ward can be read only with its key",
        "    minutes is 30",
        "    codes[] is ['x', 'y']",
        "    lines can be read only with its key",
        "    notes is absent",
        "  BUT minutes: expected 30, found 34",
    ]


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_is_explained_in_one_plain_sentence(ecosystem, reason: Reason) -> None:
    text = (ecosystem.root / SCENARIO).read_text(encoding="utf-8")
    ecosystem.write(SCENARIO, text[: text.index("then:")] + f"then: {{outcome: withheld, reason: {reason}}}\n")
    result = run(ecosystem, reason)
    assert sentences(result)[-1] == f"  then it is withheld: {EXPLAINED[reason]}"
    assert EXPLAINED[reason].count(".") == 1
