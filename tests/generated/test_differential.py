"""penstock decides and protects as the oracle does, on generated ecosystems. `HYPOTHESIS_PROFILE=fuzz` for longer."""

import pytest
from comparison import Case, cases, compare, differences
from ecosystem_world import FROM_MS, World, worlds
from hypothesis import event as tell
from hypothesis import given, settings
from predicate_comparison import Made, predicates_and_events, table_differs, verdicts
from telling_cases import TELLING

from penstock.ops.documents.check import check, errors
from penstock.ops.documents.load import load

pytestmark = pytest.mark.timeout(0 if settings().max_examples > 1_000 else 240)
FEW, SOME, MANY = (settings().max_examples * share // 100 for share in (10, 33, 100))


@pytest.mark.parametrize("told", TELLING)
def test_cases_by_hand(told: str) -> None:
    outcomes, case = TELLING[told]
    assert differences(case) == []
    said = [one for compared in compare(case) for one in compared.wanted.values()]
    assert {what if outcome == "withheld" else outcome for outcome, what in said} == outcomes


@settings(max_examples=SOME)
@given(cases(lawful=False))
def test_whatever_the_documents_permit_the_decision_is_the_oracles(case: Case) -> None:
    assert differences(case) == []


@settings(max_examples=SOME)
@given(cases(lawful=True))
def test_the_view_is_the_oracles_and_opens_to_what_was_put_in(case: Case) -> None:
    assert differences(case) == []


@settings(max_examples=FEW)
@given(worlds(lawful=True))
def test_check_has_nothing_against_lawful_ecosystems(tmp_path_factory: pytest.TempPathFactory, world: World) -> None:
    documents = load(world.write(tmp_path_factory.mktemp("world")))
    assert [str(one) for one in errors(check(documents, FROM_MS + 1))] == []


@settings(max_examples=MANY)
@given(predicates_and_events(dense=True))
def test_a_predicate_says_what_the_oracle_says(made: Made) -> None:
    ((found, wanted),) = verdicts(*made)
    tell(f"{wanted}")
    assert found == wanted


@settings(max_examples=SOME)
@given(predicates_and_events())
def test_a_predicate_of_any_schema_says_what_the_oracle_says(made: Made) -> None:
    ((found, wanted),) = verdicts(*made)
    assert found == wanted


def test_every_operator_says_what_the_oracles_says_of_small_operands() -> None:
    assert table_differs() == []
