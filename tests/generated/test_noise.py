"""Noise is a function of a release: a retry is the same bytes, and anything that differs draws anew (law 4)."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from comparison import Case, cases
from harness import Lane
from hypothesis import given, settings

pytestmark = pytest.mark.timeout(0 if settings().max_examples > 1_000 else 240)
EVENTS = 400


@settings(max_examples=settings().max_examples * 10 // 100)
@given(cases(lawful=True))
def test_a_retry_differs_in_nothing_but_ciphertexts(tmp_path_factory: pytest.TempPathFactory, case: Case) -> None:
    directory = case.world.write(tmp_path_factory.mktemp("world"))
    for event in case.events:
        consents = case.consents(event)
        first, again = (Lane(directory).decide(event, case.situation.at_ms, consents, start) for start in (0, 1_000))
        for name, (outcome, what) in first.items():
            assert again[name][0] == outcome
            if outcome == "released":
                assert without_bytes(what.record) == without_bytes(again[name][1].record)
                assert what.opened == again[name][1].opened
            else:
                assert again[name][1] == what


def test_nonces_are_used_so_a_retry_is_not_the_same_ciphertext(tmp_path: Path) -> None:
    lane = Lane(ecosystem(tmp_path))
    first, again = (lane.decide(an_event(1, 5), 1, (), start)["noisy"][1] for start in (0, 1_000))
    assert first.record["hidden"] != again.record["hidden"]
    assert first.opened["hidden"] == again.opened["hidden"] == 7


def without_bytes(value: Any) -> Any:
    if isinstance(value, bytes):
        return "bytes"
    if isinstance(value, dict):
        return {name: without_bytes(one) for name, one in value.items()}
    return [without_bytes(one) for one in value] if isinstance(value, list | tuple) else value


# --- independence -----------------------------------------------------------------------------------------------------

NOISE: dict[str, Any] = {"do": "noise", "epsilon": 0.1, "sensitivity": 1, "clamp": [0, 1000]}


def ecosystem(directory: Path, **changed: Any) -> Path:
    """Write an ecosystem with one noised field and one that is encrypted about nobody."""
    fields: list[dict[str, Any]] = [
        {"name": "event_id", "type": "string"},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "amount", "type": "long"},
        {"name": "hidden", "type": "int"},
    ]
    for folder in ("contracts", "agreements"):
        (directory / folder).mkdir(parents=True)
    own = {"provider": "here", "avroSchema": "data.avsc", "eventId": "event_id", "eventTime": "at", "partitions": 1}
    documents: dict[str, Any] = {
        "ecosystem.yaml": {"version": 1, "id": "noise", "title": "Noise"},
        "charter.yaml": {
            "version": 1, "id": "noise", "title": "Noise", "members": [], "purposes": [{"iri": "p:a", "label": "A"}],
            "legal_bases": [{"iri": "b:a", "label": "A"}], "places": ["EE"], "retention_classes": [],
        },
        "contracts/data.odcs.yaml": {
            "apiVersion": "v3.1.0", "kind": "DataContract", "id": "data", "version": "1.0.0", "status": "active",
            "customProperties": [
                {"property": f"penstock.{name}", "value": one} for name, one in {**own, "retention": "month"}.items()
            ],
            "schema": [{"name": "Event", "properties": [
                {"name": one["name"], "classification": "internal",
                 "customProperties": [{"property": "penstock.personalData", "value": "none"}]} for one in fields
            ]}],
        },
        "contracts/data.avsc": {"type": "record", "name": "Event", "fields": fields},
        f"agreements/{changed.get('id', 'noisy')}.yaml": {
            "version": 1, "id": "noisy", "title": "Noise", "provider": "here", "recipient": "there", "dataset": "data",
            "purpose": "p:a", "places": ["EE"], "processing": {"place": "EE"}, "retention": "month",
            "legal_basis": {side: {"basis": "b:a", "statute": "Act"} for side in ("provider", "recipient")},
            "valid": {"from": "1970-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z"}, "consent": "not-required",
            "fields": noised(),
            "scope_of_use": "Tests", "liability": "None", "inform_subject": {"when": "immediate"}, **changed,
        },
    }  # fmt: skip
    for name, document in documents.items():
        (directory / name).write_text(json.dumps(document))
    return directory


def an_event(number: int, amount: int) -> dict[str, Any]:
    return {"event_id": f"event-{number}", "at": 0, "amount": amount, "hidden": 7}


def draws(directory: Path, amount: Callable[[int], int] = lambda _: 500, prefix: int = 0) -> list[int]:
    """Return the noise that EVENTS events get; each has its own event id."""
    lane = Lane(directory)
    (name,) = lane.generation.agreements
    found = []
    for number in range(EVENTS):
        outcome, what = lane.decide(an_event(prefix + number, amount(number)), 1, ())[name]
        assert outcome == "released"
        found.append(what.record["amount"] - amount(number))
    return found


def correlation(left: list[int], right: list[int]) -> float:
    def centred(values: list[int]) -> list[float]:
        middle = sum(values) / len(values)
        return [value - middle for value in values]

    a, b = centred(left), centred(right)
    spread = (sum(x * x for x in a) * sum(y * y for y in b)) ** 0.5
    return sum(x * y for x, y in zip(a, b, strict=True)) / spread


def test_the_same_release_draws_the_same(tmp_path: Path) -> None:
    assert draws(ecosystem(tmp_path / "a")) == draws(ecosystem(tmp_path / "b"))


def noised(**changed: Any) -> dict[str, Any]:
    passed = {"do": "pass"}
    return {"event_id": passed, "at": passed, "amount": {**NOISE, **changed}, "hidden": {"do": "encrypt"}}


DIFFERENT: dict[str, dict[str, Any]] = {
    "epsilon": {"fields": noised(epsilon=0.11)},
    "sensitivity": {"fields": noised(epsilon=0.2, sensitivity=3)},
    "clamp": {"fields": noised(clamp=[0, 1001])},
    "agreement": {"id": "other"},
}


@pytest.mark.parametrize("what", sorted(DIFFERENT))
def test_a_release_under_other_documents_draws_independently(tmp_path: Path, what: str) -> None:
    base = draws(ecosystem(tmp_path / "a"))
    assert independent(base, draws(ecosystem(tmp_path / "b", **DIFFERENT[what])))


def test_another_value_draws_independently(tmp_path: Path) -> None:
    directory = ecosystem(tmp_path / "a")
    assert independent(draws(directory), draws(directory, lambda _: 501))


def test_another_event_draws_independently(tmp_path: Path) -> None:
    directory = ecosystem(tmp_path / "a")
    assert independent(draws(directory), draws(directory, prefix=EVENTS))


def test_values_beyond_the_clamp_are_one_value(tmp_path: Path) -> None:
    directory = ecosystem(tmp_path / "a")
    high = [one + 1_000 for one in draws(directory, lambda _: 1_000)]
    assert [one + 5_000 for one in draws(directory, lambda _: 5_000)] == high


def independent(left: list[int], right: list[int]) -> bool:
    """Say whether two series of draws look independent: of 400 pairs at scale 10, one in twenty is equal by chance."""
    same = sum(a == b for a, b in zip(left, right, strict=True))
    return same < EVENTS // 8 and abs(correlation(left, right)) < 0.25  # five standard deviations


def test_the_test_of_independence_sees_shared_draws(tmp_path: Path) -> None:
    base = draws(ecosystem(tmp_path / "a"))
    assert not independent(base, base)
    assert not independent(base, [2 * one for one in base])
    assert not independent(base, [one + 1 for one in base])
