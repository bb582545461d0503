"""Every scenario of the example holds: by penstock's own rehearsal, and by the oracle."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import generate
import oracle
import pytest

from penstock.ops.documents.load import load
from penstock.ops.documents.scenarios import Mismatch, run_scenarios
from penstock.ops.rehearsal import Rehearsal
from penstock.schemas.avro_paths import getter
from penstock.schemas.plain_json import to_avro
from penstock.schemas.scenario import Scenario

EXAMPLE = Path(generate.__file__).parent
DOCUMENTS = load(EXAMPLE)


def test_there_are_enough_and_they_speak_of_every_agreement() -> None:
    assert len(DOCUMENTS.scenarios) >= 8
    assert {one.agreement for one in DOCUMENTS.scenarios.values()} == set(DOCUMENTS.agreements)


def test_every_scenario_holds() -> None:
    results = run_scenarios(DOCUMENTS, Rehearsal(DOCUMENTS).scenario)
    assert len(results) == len(DOCUMENTS.scenarios)
    assert {one.name: one.mismatches for one in results if not one.passed} == {}


def test_a_wrong_expectation_is_found() -> None:
    changed = {}
    for name, scenario in DOCUMENTS.scenarios.items():
        then = scenario.then.model_copy(update={"outcome": "withheld", "reason": "parked", "fields": {}})
        changed[name] = scenario.model_copy(update={"then": then})
    results = run_scenarios(replace(DOCUMENTS, scenarios=changed), Rehearsal(DOCUMENTS).scenario)
    assert all(isinstance(one.mismatches[0], Mismatch) for one in results)


@pytest.mark.parametrize("name", sorted(DOCUMENTS.scenarios))
def test_the_oracle_agrees(name: str) -> None:
    scenario: Scenario = DOCUMENTS.scenarios[name]
    agreement = DOCUMENTS.agreements[scenario.agreement]
    contract = DOCUMENTS.contracts[agreement.dataset]
    event: dict[str, Any] = to_avro(contract.schema)(scenario.given.event)
    assert contract.data_subject is not None
    subject = getter(contract.data_subject)(event)
    consents = {(agreement.id, subject)} if scenario.given.consent == "given" else set()
    at_ms = int(scenario.given.at.timestamp() * 1000)
    outcome, what = oracle.decide(EXAMPLE, agreement.id, event, at_ms, consents)
    assert outcome == scenario.then.outcome
    if outcome == "withheld":
        assert what == scenario.then.reason
