"""penstock decides and protects as the oracle does, on generated ecosystems. `HYPOTHESIS_PROFILE=fuzz` for longer."""

from typing import Any

import pytest
from avro_world import a_schema, places, value
from comparison import Case, cases, differences
from ecosystem_world import FROM_MS, World, worlds
from hypothesis import event as tell
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import cel
from oracle.documents import Contract
from oracle.judge import for_cel
from predicate_world import predicates

from penstock.ops.documents.check import check, errors
from penstock.ops.documents.load import load
from penstock.processors.predicate import PredicateError, compile_predicate

pytestmark = pytest.mark.timeout(0 if settings().max_examples > 1_000 else 240)
FEW, SOME, MANY = (settings().max_examples * share // 100 for share in (20, 40, 200))


@settings(max_examples=FEW)
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


@st.composite
def predicates_and_events(draw: st.DrawFn, *, unions: bool = False) -> tuple[dict[str, Any], str, dict[str, Any]]:
    schema, types = draw(a_schema())
    return schema, draw(predicates(list(places(schema, types)), unions=unions)), draw(value(schema, types))


class OfSchema(Contract):
    """The oracle's contract, from a schema alone."""

    def __init__(self, schema: Any) -> None:
        self.adopt(schema)


def verdicts(schema: dict[str, Any], text: str, event: dict[str, Any]) -> tuple[object, object]:
    """Return what penstock and what the oracle say: True, False or "error"."""
    compiled = compile_predicate(text, schema)
    contract = OfSchema(schema)
    try:
        found: object = compiled(event)
    except PredicateError:
        found = "error"
    try:
        wanted: object = cel.evaluate(text, for_cel(event, contract.schema, "", contract))
    except cel.Error:
        wanted = "error"
    return found, wanted


@settings(max_examples=MANY)
@given(predicates_and_events())
def test_a_predicate_says_what_the_oracle_says(made: tuple[dict[str, Any], str, dict[str, Any]]) -> None:
    found, wanted = verdicts(*made)
    tell(f"{wanted}")
    assert found == wanted
