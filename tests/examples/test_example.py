"""The example ecosystem as the oracle sees it: every reason that it promises to show is there."""

from collections import Counter
from pathlib import Path
from typing import Any

import generate
import oracle
import pytest
import yaml

EXAMPLE = Path(generate.__file__).parent
NOW_MS = 1_795_348_800_000  # 2026-11-22T12:00:00Z


def consents() -> set[tuple[str, str]]:
    said = yaml.safe_load((EXAMPLE / "consents.yaml").read_text())["consents"]
    return {(one["agreement"], one["subject"]) for one in said if one["given"]}


@pytest.fixture(scope="module")
def counts() -> dict[str, Counter[str]]:
    return oracle.summary(EXAMPLE, generate.events(1, 2_000), NOW_MS, consents())


def test_every_reason_of_the_example_comes_up_in_2000_events(counts: dict[str, Counter[str]]) -> None:
    assert {agreement: set(reasons) for agreement, reasons in counts.items()} == {
        "ee-fi-income": {"released", "predicate"},
        "ee-stat-wages": {"released", "predicate"},
        "ee-fi-benefits": {"released", "consent", "predicate"},
        "ee-contractor": {"place"},
        "ee-fi-pilot-2025": {"expired"},
        "ee-fi-stat-2031": {"not_yet_valid"},
        "fi-ee-residency": {"released", "predicate"},
        "fi-stat-residency": {"released", "predicate"},
    }


def test_every_event_is_counted_once_for_each_agreement(counts: dict[str, Counter[str]]) -> None:
    for agreement, reasons in counts.items():
        assert sum(reasons.values()) == (400 if agreement.startswith("fi-") else 1_600)


def test_consents_are_of_the_generators_people_and_one_is_withdrawn() -> None:
    said: list[dict[str, Any]] = yaml.safe_load((EXAMPLE / "consents.yaml").read_text())["consents"]
    people = {person["national_id"] for person in generate.people(1)}
    assert {one["subject"] for one in said} <= people
    assert {one["given"] for one in said} == {True, False}


def test_national_ids_are_never_shown() -> None:
    for path in (EXAMPLE / "agreements").glob("*.yaml"):
        for field, safeguard in (yaml.safe_load(path.read_text()).get("fields") or {}).items():
            if field.endswith("national_id"):
                assert safeguard["do"] in {"encrypt", "pseudonymise"}, path.name
