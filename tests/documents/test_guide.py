"""`docs/agreements.md` says what the code does."""

import json
import re
from pathlib import Path
from typing import get_args

import pytest

from penstock.ops.documents.check import examine
from penstock.ops.documents.init import init
from penstock.ops.documents.rules_notes import NOISE_WARNING
from penstock.ops.documents.scenario_text import EXPLAINED
from penstock.processors.predicate import compile_predicate
from penstock.schemas.agreement import Agreement
from penstock.schemas.errors import DocumentError
from penstock.schemas.problem import Level
from penstock.schemas.reasons import Reason
from penstock.schemas.safeguard import Safeguard

GUIDE = (Path(__file__).parents[2] / "docs" / "agreements.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)
(AGREEMENT,) = (block for block in BLOCKS if "\nlegal_basis:" in block)
(SCENARIO,) = (block for block in BLOCKS if "\nscenario: " in block)
AT_MS = 1_780_315_200_000
SCHEMA = {
    "type": "record",
    "name": "Event",
    "fields": [
        {"name": "zone", "type": "string"},
        {"name": "count", "type": "int"},
        {"name": "share", "type": "double"},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {"name": "labels", "type": {"type": "map", "values": "string"}},
        {"name": "parts", "type": {"type": "array", "items": "string"}},
        {"name": "payer", "type": {"type": "record", "name": "P", "fields": [
            {"name": "country", "type": ["null", "string"]},
        ]}},
    ],
}  # fmt: skip


def test_its_agreement_and_its_scenario_pass_check(tmp_path) -> None:
    init(tmp_path, 2026)
    (tmp_path / "agreements" / "city-transport-permits.yaml").write_text(AGREEMENT, encoding="utf-8")
    (tmp_path / "scenarios" / "centre-is-shared.yaml").write_text(SCENARIO, encoding="utf-8")
    documents, findings = examine(tmp_path, AT_MS)
    assert documents is not None
    assert {one.level for one in findings} <= {Level.NOTE}, [str(one) for one in findings]


def test_it_names_every_key_of_an_agreement() -> None:
    names = {field.alias or name for name, field in Agreement.model_fields.items()}
    assert {name for name in names if f"`{name}`" not in GUIDE and f"{name}:" not in GUIDE} == set()


def test_it_explains_every_safeguard() -> None:
    kinds = {get_args(model.model_fields["do"].annotation)[0] for model in get_args(get_args(Safeguard)[0])}
    assert {kind for kind in kinds if f"| `{kind}` |" not in GUIDE} == set()
    assert NOISE_WARNING in GUIDE


@pytest.mark.parametrize("reason", list(Reason))
def test_it_explains_every_reason_as_the_program_does(reason: Reason) -> None:
    assert f"| `{reason}` | {EXPLAINED[reason]} |" in GUIDE


@pytest.mark.parametrize(
    "text",
    [
        'zone == "A" && payer.country in ["EE", "FI"]',
        'labels.colour == "red" || "colour" in labels',
        "count > 0x1f && share >= 1 && !(count % 2 == 0)",
        'zone.startsWith("A") || zone.endsWith(\'B\') || zone.contains(r"C")',
        "has(payer.country) && size(parts) > 0 && zone.size() < 5",
        'day >= timestamp("2026-01-31T00:00:00Z")',
        "payer.country == null ? true : count + 1 > 2",
        "share * 2.0 > 1.0",
    ],
)
def test_what_it_offers_in_predicates_compiles(text: str) -> None:
    assert compile_predicate(text, SCHEMA).text == text


@pytest.mark.parametrize(
    "text",
    [
        'zone.matches("A")',
        'parts[0] == "A"',
        'parts.exists(p, p == "A")',
        "int(zone) == 1",
        "count == 1u",
        "count + 1.0 > 2.0",
        'unknown == "A"',
    ],
)  # fmt: skip
def test_what_it_says_is_not_offered_is_refused(text: str) -> None:
    with pytest.raises(DocumentError):
        compile_predicate(text, SCHEMA)


def test_the_schema_that_it_names_is_there() -> None:
    named = re.findall(r"json-schemas/(\w+\.schema\.json)", GUIDE)
    folder = Path(__file__).parents[2] / "docs" / "json-schemas"
    assert named
    assert all(json.loads((folder / name).read_text(encoding="utf-8")) for name in named)
