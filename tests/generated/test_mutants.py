"""The comparison sees faults: each mutant below changes one thing in penstock, and some generated case must show it."""

import math
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from comparison import Case, cases, differences
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from predicate_comparison import Made, differ, predicates_and_events, table_differs
from telling_cases import TELLING

from penstock.processors import lane, policy, pseudonymise, view_steps
from penstock.processors.cel import compiler, operators
from penstock.processors.compiled import making
from penstock.processors.native import scanned_batch
from penstock.processors.noise import Mechanism
from penstock.schemas.reasons import Reason

CASES, PREDICATES = 40, 200
Patch = Callable[[pytest.MonkeyPatch], None]


def corpus(number: int, strategy: st.SearchStrategy[Any]) -> list[Any]:
    """Return generated examples, the same ones every time."""
    found: list[Any] = []

    @seed(20261122)
    @settings(max_examples=number, phases=[Phase.generate], database=None, suppress_health_check=list(HealthCheck))
    @given(strategy)
    def collect(example: Any) -> None:
        found.append(example)

    collect()
    return found


@pytest.fixture(scope="module")
def every_case() -> list[Case]:
    """Those by hand first: whatever Hypothesis comes up with here, each mutant has a case that shows it."""
    by_hand = [case for _, case in TELLING.values()]
    return by_hand + corpus(CASES, cases(lawful=False)) + corpus(CASES, cases(lawful=True))


@pytest.fixture(scope="module")
def every_predicate() -> list[Made]:
    return corpus(PREDICATES, predicates_and_events(dense=True))


def after(change: Callable[..., Any], original: Callable[..., Any]) -> Callable[..., Any]:
    """Return `original` whose result goes through `change`, which also gets the arguments."""
    return lambda *given: change(original(*given), *given)


def both_ways(monkeypatch: pytest.MonkeyPatch, name: str, changed: Any) -> None:
    """Patch what the slow path and the compiled programs both make views with."""
    for module in (view_steps, making):
        monkeypatch.setattr(module, name, changed)


ASKING = {"standing": (lane,), "covering": (policy, scanned_batch)}
"""Who asks the policy what: for one event, or for a whole batch in columns."""


def forgives(reason: Reason, where: str) -> Patch:
    """Return a patch under which one reason never withholds anything."""

    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        forgive = after(lambda found, *_: None if found is reason else found, getattr(policy, where))
        for module in ASKING[where]:
            monkeypatch.setattr(module, where, forgive)

    return patch


def any_mechanism_covers(monkeypatch: pytest.MonkeyPatch) -> None:
    def covered(agreement: Any, _charter: Any) -> bool:
        processing = agreement.processing
        return processing.place in agreement.places or processing.transfer_mechanism is not None

    monkeypatch.setattr(policy, "_place_is_covered", covered)


def a_millisecond_late(monkeypatch: pytest.MonkeyPatch) -> None:
    original = policy.standing

    def standing(agreement: Any, charter: Any, status: str, at_ms: int) -> Reason | None:
        found = original(agreement, charter, status, at_ms)
        return original(agreement, charter, status, at_ms - 1) if found is Reason.EXPIRED else found

    monkeypatch.setattr(lane, "standing", standing)


def consent_of_anybody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "_consented", lambda _subject, _event, _consents: True)
    monkeypatch.setattr(scanned_batch.ScannedBatch, "_consented", lambda batch, _consents: bytes(len(batch.writers)))


def purpose_after_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """The order of reasons is part of the promise."""
    original = policy.standing

    def standing(agreement: Any, charter: Any, status: str, at_ms: int) -> Reason | None:
        found = original(agreement, charter, status, at_ms)
        if found is Reason.PURPOSE and agreement.processing.place not in agreement.places:
            return Reason.PLACE
        return found

    monkeypatch.setattr(lane, "standing", standing)


def keeps_one_more(monkeypatch: pytest.MonkeyPatch) -> None:
    original = view_steps.masking
    both_ways(monkeypatch, "masking", lambda rule: original(rule.model_copy(update={"keep": rule.keep + 1})))


def masks_the_other_side(monkeypatch: pytest.MonkeyPatch) -> None:
    original = view_steps.masking
    other = {"start": "end", "end": "start"}
    both_ways(monkeypatch, "masking", lambda rule: original(rule.model_copy(update={"side": other[rule.side]})))


def month_for_year(monkeypatch: pytest.MonkeyPatch) -> None:
    original = view_steps.generalising

    def generalising(rule: Any, leaf: Any) -> Any:
        return original(rule.model_copy(update={"to": "month"}) if rule.to == "year" else rule, leaf)

    both_ways(monkeypatch, "generalising", generalising)


def buckets_towards_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    original = view_steps.generalising

    def generalising(rule: Any, leaf: Any) -> Any:
        exact = original(rule, leaf)
        if rule.to == "bucket" and leaf.primitive in {"int", "long"}:
            return lambda value: math.trunc(Fraction(value) / int(rule.size)) * int(rule.size)
        return exact

    both_ways(monkeypatch, "generalising", generalising)


def first_item_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    original = view_steps._items

    def items(inner: Any) -> Any:
        step = original(inner)
        return lambda value, making, at: step(value[:1] * len(value), making, at)

    monkeypatch.setattr(view_steps, "_items", items)


def nothing_is_clamped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Mechanism, "_clamped", lambda self, value: round(Fraction(value) / self.step))


def noise_of_a_thousandfold(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Mechanism.at

    def at(self: Mechanism, *where: Any) -> Any:
        drawn = original(self, *where)
        return lambda value, *rest: type(value)(drawn(value, *rest) * 1000 + 10**6)

    monkeypatch.setattr(Mechanism, "at", at)


def one_pseudonym_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pseudonymise, "pseudonym", lambda *_: "somebody")


def event_ids_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pseudonymise, "event_id", lambda text, *_: text)
    monkeypatch.setattr("penstock.processors.view.event_id", lambda text, *_: text)
    monkeypatch.setitem(making.SHARED, "rekeyed", lambda _rekey, own: own[4:])  # type: ignore[arg-type]


def one_is_encrypted_as_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    original = view_steps.Steps._encrypt

    def encrypt(self: Any, path: str) -> Any:
        step = original(self, path)
        return lambda value, making, at: step(0 if value == 1 and type(value) is int else value, making, at)

    monkeypatch.setattr(view_steps.Steps, "_encrypt", encrypt)


MUTANTS: dict[str, Patch] = {
    "suspended is in force": forgives(Reason.SUSPENDED, "standing"),
    "terminated is in force": forgives(Reason.NOT_IN_FORCE, "standing"),
    "no legal basis is needed": forgives(Reason.LEGAL_BASIS, "standing"),
    "an error of the predicate is a yes": forgives(Reason.PREDICATE_ERROR, "covering"),
    "the predicate does not count": forgives(Reason.PREDICATE, "covering"),
    "any transfer mechanism covers": any_mechanism_covers,
    "validity ends a millisecond late": a_millisecond_late,
    "consent of anybody": consent_of_anybody,
    "place is told before purpose": purpose_after_place,
    "a mask keeps one more": keeps_one_more,
    "a mask hides the other side": masks_the_other_side,
    "the month for the year": month_for_year,
    "buckets towards zero": buckets_towards_zero,
    "the first item for all": first_item_for_all,
    "nothing is clamped": nothing_is_clamped,
    "noise far too wide": noise_of_a_thousandfold,
    "one pseudonym for all": one_pseudonym_for_all,
    "event ids as they are": event_ids_as_they_are,
    "1 is encrypted as 0": one_is_encrypted_as_zero,
}


def binary(name: str, change: Callable[[Any, Any, Any], Any]) -> Patch:
    """Return a patch of one operator; `change` gets what it gave and both sides."""
    original = operators.BINARY[name]

    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        changed = lambda left, right: change(original(left, right), left, right)  # noqa: E731
        monkeypatch.setitem(operators.BINARY, name, changed)  # type: ignore[arg-type]

    return patch


def errors_are_not_absorbed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The left side alone decides, as in Python."""

    def logic(self: Any, tree: Any, depth: int, name: str, *, decisive: bool) -> Any:
        left, right = (self.code(compiler._child(tree, at), depth) for at in (0, 1))

        def run(event: Any) -> bool:
            return decisive if operators.truth(left.run(event)) is decisive else operators.truth(right.run(event))

        return compiler.Code(compiler.shape(name, "bool"), run)

    monkeypatch.setattr(compiler.Compiler, "_logic", logic)


def presence_is_of_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    original = operators.presence
    monkeypatch.setattr(operators, "presence", lambda parent, name, **_: original(parent, name, of_map=True))


def instants_in_their_own_units(monkeypatch: pytest.MonkeyPatch) -> None:
    original = compiler._in_ns

    def unscaled(code: Any) -> Any:
        return original(replace(code, shape=replace(code.shape, unit_ns=1)))

    monkeypatch.setattr(compiler, "_in_ns", unscaled)


PREDICATE_MUTANTS: dict[str, Patch] = {
    "division rounds down": binary("/", lambda found, a, b: a // b if isinstance(found, int) else found),
    "remainder has the divisor's sign": binary("%", lambda _found, a, b: a % b),
    "1 is not 1.0": binary("==", lambda found, a, b: found and type(a) is type(b)),
    "less is less or equal": binary("<", lambda found, a, b: found or a == b),
    "an error is not absorbed": errors_are_not_absorbed,
    "a null field is set": presence_is_of_the_name,
    "instants in their own units": instants_in_their_own_units,
}


def test_without_a_mutant_nothing_differs(every_case: list[Case]) -> None:
    assert [line for case in every_case[::3] for line in differences(case)] == []


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_caught(name: str, every_case: list[Case], monkeypatch: pytest.MonkeyPatch) -> None:
    MUTANTS[name](monkeypatch)
    assert any(differences(case) for case in every_case)


def test_without_a_mutant_no_predicate_differs(every_predicate: list[Made]) -> None:
    assert [made for made in every_predicate if differ(*made)] == []


@pytest.mark.parametrize("name", PREDICATE_MUTANTS)
def test_a_mutant_of_predicates_is_caught(
    name: str, every_predicate: list[Made], monkeypatch: pytest.MonkeyPatch
) -> None:
    PREDICATE_MUTANTS[name](monkeypatch)
    assert table_differs() or any(differ(*made) for made in every_predicate)
