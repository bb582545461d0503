"""Every scenario of the examples holds: by penstock's own rehearsal, and by the oracle."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import oracle
import pytest
import resign

from penstock.ops.documents.load import Documents, load
from penstock.ops.documents.scenarios import Mismatch, run_scenarios
from penstock.ops.rehearsal import Rehearsal
from penstock.schemas.avro_paths import getter
from penstock.schemas.plain_json import to_avro
from penstock.schemas.scenario import Scenario

EXAMPLES = {path.parent: load(path.parent) for path in sorted(resign.EXAMPLES.glob("*/ecosystem.yaml"))}
every_example = pytest.mark.parametrize("documents", EXAMPLES.values(), ids=[path.name for path in EXAMPLES])


@every_example
def test_there_are_enough_and_they_speak_of_every_agreement(documents: Documents) -> None:
    assert len(documents.scenarios) >= 8
    assert {one.agreement for one in documents.scenarios.values()} == set(documents.agreements)


@every_example
def test_every_scenario_holds(documents: Documents) -> None:
    results = run_scenarios(documents, Rehearsal(documents).scenario)
    assert len(results) == len(documents.scenarios)
    assert {one.name: one.mismatches for one in results if not one.passed} == {}


@every_example
def test_a_wrong_expectation_is_found(documents: Documents) -> None:
    changed = {}
    for name, scenario in documents.scenarios.items():
        then = scenario.then.model_copy(update={"outcome": "withheld", "reason": "parked", "fields": {}})
        changed[name] = scenario.model_copy(update={"then": then})
    results = run_scenarios(replace(documents, scenarios=changed), Rehearsal(documents).scenario)
    assert all(isinstance(one.mismatches[0], Mismatch) for one in results)


@pytest.mark.parametrize(
    ("example", "name"), [(path, name) for path, one in EXAMPLES.items() for name in sorted(one.scenarios)]
)
def test_the_oracle_agrees(example: Path, name: str) -> None:
    documents = EXAMPLES[example]
    scenario: Scenario = documents.scenarios[name]
    agreement = documents.agreements[scenario.agreement]
    contract = documents.contracts[agreement.dataset]
    event: dict[str, Any] = to_avro(contract.schema)(scenario.given.event)
    given = scenario.given.consent == "given"
    consents = {(agreement.id, getter(contract.data_subject)(event))} if given and contract.data_subject else set()
    at_ms = int(scenario.given.at.timestamp() * 1000)
    outcome, what = oracle.decide(example, agreement.id, event, at_ms, consents)
    assert outcome == scenario.then.outcome
    if outcome == "withheld":
        assert what == scenario.then.reason
