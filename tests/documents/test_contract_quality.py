"""What a data contract promises of resent and doubtful readings: its rules, their places, their mistakes."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from penstock.ops.documents.check import check
from penstock.ops.documents.load import load
from penstock.schemas.contract_quality import Future, Late, Quality, Range, Unit, quality_from
from penstock.schemas.errors import DocumentError
from penstock.schemas.generation import contract_from, contract_record
from penstock.schemas.odcs_properties import PREFIX
from penstock.schemas.odcs_quality import ENGINE
from penstock.schemas.problem import Level
from penstock.schemas.yaml_lines import read_yaml

CONTRACT = "contracts/visits.odcs.yaml"
AVSC = "contracts/visits.avsc"
AGREEMENT = "agreements/visits-lab.yaml"
NOW_MS = 1_780_000_000_000
TOP = "    logicalType: object\n    properties:\n      - {name: visit_id"
NONE = "customProperties: [{property: penstock.personalData, value: none}]"
WEIGHT = f"      - {{name: weight, classification: confidential, {NONE}}}\n"
RANGE = "{type: custom, engine: penstock, implementation: {rule: range, minimum: 0, maximum: 400.5}}"
WINDOW = "  - {property: penstock.duplicateWindow, value: PT1H}\n"
FLAGS = "  - {property: penstock.qualityFlags, value: flags}\n"
PLACE = "  - {property: somebody.elses, value: 7}\n"


def with_flags_field(ecosystem, default='"default": []', kind='{"type": "array", "items": "string"}') -> None:
    ecosystem.edit(
        AVSC, '{"name": "doctor"', f'{{"name": "flags", "type": {kind}, {default}}},\n    {{"name": "doctor"'
    )


def of_event(ecosystem, *rules: str) -> None:
    lines = "".join(f"      - {{type: custom, engine: penstock, implementation: {one}}}\n" for one in rules)
    ecosystem.edit(CONTRACT, TOP, TOP.replace("    properties", f"    quality:\n{lines}    properties"))


def of_weight(ecosystem, *entries: str, field: str = "weight") -> None:
    lines = "".join(f"          - {one}\n" for one in entries)
    quality = f"      - name: {field}\n        classification: confidential\n        quality:\n{lines}        {NONE}\n"
    ecosystem.edit(CONTRACT, WEIGHT, quality)


def test_the_rules_of_a_contract_by_flag(ecosystem) -> None:
    with_flags_field(ecosystem)
    ecosystem.edit(CONTRACT, PLACE, PLACE + WINDOW + FLAGS)
    of_event(ecosystem, "{rule: late, after: PT10M}", '"{rule: future, after: PT1M}"')
    of_weight(
        ecosystem,
        RANGE,
        "{type: library, metric: nullValues, mustBe: 0}",
        "{type: custom, engine: soda, implementation: x}",
    )
    ecosystem.edit(
        CONTRACT,
        "          classification: internal\n          customProperties:\n            -",
        "          classification: internal\n          quality:\n"
        "            - type: custom\n              engine: penstock\n"
        "              implementation: |\n                rule: unit\n                one_of: [A1, B2]\n"
        "          customProperties:\n            -",
    )
    contract = load(ecosystem.root).contracts["visits"]
    assert contract.quality == (
        Quality("", Future(rule="future", after="PT1M")),
        Quality("", Late(rule="late", after="PT10M")),
        Quality("weight", Range(rule="range", minimum=0, maximum=400.5)),
        Quality("codes[]", Unit(rule="unit", one_of=("A1", "B2"))),
    )
    assert [one.flag for one in contract.quality] == ["future", "late", "range:weight", "unit:codes[]"]
    assert (contract.duplicate_window_ms, contract.quality_flags) == (3_600_000, "flags")
    record = contract_record(contract)
    assert record["quality"][2] == {"path": "weight", "rule": "range", "minimum": 0, "maximum": 400.5}
    assert contract_from(json.loads(json.dumps(record))) == contract


def test_a_contract_that_says_nothing_new_has_the_record_that_it_had(ecosystem) -> None:
    contract = load(ecosystem.root).contracts["visits"]
    record = contract_record(contract)
    assert not {"duplicate_window", "quality", "quality_flags", "drops_unknown"} & record.keys()
    assert contract_from(record) == contract


@dataclass(frozen=True)
class Wrong:
    """A rule at the event or at a property, and what loading says of it, at the line that holds `at`."""

    rule: str
    said: str
    at: str = "engine: penstock"


def implementation(rule: str) -> str:
    return f"{{type: custom, engine: penstock, implementation: {rule}}}"


AT_EVENT = [
    Wrong(
        "{rule: lately, after: PT1M}",
        "implementation: must be 'late', 'future', 'range', 'unit' - did you mean 'late'?",
    ),
    Wrong("{after: PT1M}", "implementation: does not say 'rule'"),
    Wrong("{rule: late}", "implementation.after: is missing"),
    Wrong("{rule: late, after: 10 minutes}", "implementation.after: an ISO 8601 duration such as P90D"),
    Wrong("{rule: late, after: PT1M, path: x}", "implementation.path: unknown key 'path'"),
    Wrong("7", "implementation"),
    Wrong("'[1'", "implementation: not YAML"),
    Wrong("'{rule: late, after: soon}'", "implementation.after: an ISO 8601 duration"),
    Wrong(
        "{rule: range, minimum: 0}",
        "implementation: the rule `range` is about a field: state it at the field's property",
    ),
    Wrong(
        "{rule: late, after: P1D}}\n      - {type: custom, engine: penstock, implementation: {rule: late, after: P2D}",
        "the rule `late` stands twice",
        "P2D",
    ),
]
AT_WEIGHT = [
    Wrong("{rule: range}", "implementation: a range needs a minimum, a maximum or both"),
    Wrong("{rule: range, minimum: 2, maximum: 1}", "implementation: the minimum is above the maximum"),
    Wrong("{rule: range, minimum: '2'}", "implementation.minimum: must be a number"),
    Wrong("{rule: range, minimum: .nan}", "minimum: must be a finite number"),
    Wrong("{rule: unit, one_of: [kg]}", "the rule `unit` wants a text, and `weight` is none"),
    Wrong("{rule: unit, one_of: []}", "implementation.one_of: has too few items"),
    Wrong("{rule: late, after: PT1M}", "the rule `late` is about the event: state it at the schema object"),
]
OTHER_FIELDS = [
    ("born", "{rule: range, minimum: 0}", "the rule `range` wants a number, and `person.born` is none"),
    ("ward", "{rule: unit, one_of: [A, Z]}", "the rule `unit` names what the enum lacks: Z"),
    ("codes", "{rule: unit, one_of: [A]}", "the rule `unit` wants a single value, and `codes` holds several"),
    ("person", "{rule: range, minimum: 0}", "the rule `range` wants a single value, and `person` holds several"),
]


def problem_of(ecosystem) -> str:
    with pytest.raises(DocumentError) as caught:
        load(ecosystem.root)
    (line,) = str(caught.value).splitlines()
    return line


@pytest.mark.parametrize("wrong", AT_EVENT, ids=lambda wrong: wrong.rule[:40])
def test_a_rule_of_the_event_that_is_wrong(ecosystem, wrong: Wrong) -> None:
    of_event(ecosystem, wrong.rule)
    expect(ecosystem, wrong)


@pytest.mark.parametrize("wrong", AT_WEIGHT, ids=lambda wrong: wrong.rule[:40])
def test_a_rule_of_a_field_that_is_wrong(ecosystem, wrong: Wrong) -> None:
    of_weight(ecosystem, implementation(wrong.rule))
    expect(ecosystem, wrong)


def expect(ecosystem, wrong: Wrong) -> None:
    said = problem_of(ecosystem)
    text = (ecosystem.root / CONTRACT).read_text().splitlines()
    line = next(number for number, one in enumerate(text, 1) if wrong.at in one)
    assert said.startswith(f"{CONTRACT}:{line}: schema[0]."), said
    assert wrong.said in said


@pytest.mark.parametrize(("field", "rule", "said"), OTHER_FIELDS)
def test_a_rule_that_does_not_fit_its_field(ecosystem, field: str, rule: str, said: str) -> None:
    name = f"name: {field}"
    path = ecosystem.root / CONTRACT
    quality = f"name: {field}, quality: [{implementation(rule)}]"
    if f"{{{name}," in path.read_text():
        ecosystem.edit(CONTRACT, f"{{{name},", f"{{{quality},")
    else:
        ecosystem.edit(CONTRACT, f"- {name}\n", f"- {name}\n        quality: [{implementation(rule)}]\n")
    assert said in problem_of(ecosystem)


def test_a_rule_of_ours_is_custom(ecosystem) -> None:
    of_weight(ecosystem, "{type: library, engine: penstock, implementation: {rule: range, minimum: 0}}")
    assert "quality[0].type: must be custom" in problem_of(ecosystem)
    ecosystem.edit(CONTRACT, "type: library, engine", "engine")
    assert "quality[0].type: must be custom" in problem_of(ecosystem)


def test_a_rule_without_an_implementation(ecosystem) -> None:
    of_weight(ecosystem, "{type: custom, engine: penstock}")
    assert "implementation: is missing" in problem_of(ecosystem)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("PT0S", "the window of duplicates is empty - write how long a resent record is known, such as PT1H"),
        ("1 hour", "an ISO 8601 duration such as P90D, P1Y or PT12H is wanted here"),
        ("7", "penstock.duplicateWindow is not fit - write an ISO 8601 duration such as PT1H"),
    ],
)
def test_a_window_that_is_none(ecosystem, value: str, said: str) -> None:
    ecosystem.edit(CONTRACT, PLACE, PLACE + WINDOW.replace("PT1H", value))
    line = (ecosystem.root / CONTRACT).read_text().splitlines().index(WINDOW.replace("PT1H", value).rstrip()) + 1
    found = problem_of(ecosystem)
    assert found.startswith(f"{CONTRACT}:{line}: ")
    assert said in found


def test_what_becomes_of_unknown_fields(ecosystem) -> None:
    said = "  - {property: penstock.unknownFields, value: drop}\n"
    ecosystem.edit(CONTRACT, PLACE, PLACE + said)
    contract = load(ecosystem.root).contracts["visits"]
    assert contract.drops_unknown
    assert contract_from(contract_record(contract)) == contract
    ecosystem.edit(CONTRACT, "value: drop", "value: refuse")
    assert not load(ecosystem.root).contracts["visits"].drops_unknown
    ecosystem.edit(CONTRACT, "value: refuse", "value: drops")
    assert "unknown word - did you mean 'drop'?" in problem_of(ecosystem)


@pytest.mark.parametrize(
    ("default", "kind"),
    [
        ('"doc": "x"', '{"type": "array", "items": "string"}'),
        ('"default": ["late"]', '{"type": "array", "items": "string"}'),
        ('"default": []', '{"type": "array", "items": "int"}'),
        ('"default": null', '["null", {"type": "array", "items": "string"}]'),
        ('"default": ""', '"string"'),
    ],
)
def test_a_field_for_flags_of_another_kind(ecosystem, default: str, kind: str) -> None:
    with_flags_field(ecosystem, default, kind)
    ecosystem.edit(CONTRACT, PLACE, PLACE + FLAGS)
    assert "`flags`, is no list of texts that is empty by default" in problem_of(ecosystem)


def test_a_field_for_flags_that_is_none(ecosystem) -> None:
    with_flags_field(ecosystem)
    ecosystem.edit(CONTRACT, PLACE, PLACE + FLAGS.replace("flags}", "flag}"))
    assert "`flag`, is no field at the top of the Avro schema - did you mean 'flags'?" in problem_of(ecosystem)


def found(ecosystem) -> list[tuple[Level, str]]:
    return [(one.level, one.message) for one in check(load(ecosystem.root), NOW_MS) if one.file == CONTRACT]


def test_rules_without_a_field_for_flags_are_noted(ecosystem) -> None:
    of_weight(ecosystem, RANGE)
    message = "readings that break a quality rule are counted, and no event tells that it is one of them"
    assert (Level.NOTE, message) in found(ecosystem)
    line = next(one.line for one in check(load(ecosystem.root), NOW_MS) if one.message == message)
    assert RANGE in (ecosystem.root / CONTRACT).read_text().splitlines()[line - 1]


def test_a_field_for_flags_without_rules_is_noted(ecosystem) -> None:
    with_flags_field(ecosystem)
    ecosystem.edit(CONTRACT, PLACE, PLACE + FLAGS)
    ecosystem.edit(AGREEMENT, "  price: {do: pass}", "  price: {do: pass}\n  flags: {do: omit}")
    assert (Level.NOTE, "`flags` stays empty: the contract states no quality rule") in found(ecosystem)


@pytest.mark.parametrize(("window", "warned"), [("P1Y", False), ("P366D", True)])
def test_a_window_longer_than_the_topic_keeps_is_warned_of(ecosystem, window: str, warned: bool) -> None:  # noqa: FBT001 - a parameter of the test
    ecosystem.edit(CONTRACT, PLACE, PLACE + WINDOW.replace("PT1H", window))
    message = "the window of duplicates is longer than the topic keeps records (P1Y)"
    assert ((Level.WARNING, message) in found(ecosystem)) is warned


def test_the_example_in_the_docs_is_one() -> None:
    text = (Path(__file__).parents[2] / "docs" / "agreements.md").read_text()
    block = text.split("## What a contract promises of its readings")[1].split("```yaml\n")[1].split("```")[0]
    said = read_yaml(block.encode(), "docs").value
    assert [one["property"].removeprefix(PREFIX) for one in said["customProperties"]] == [
        "duplicateWindow",
        "qualityFlags",
        "unknownFields",
    ]
    (top,) = said["schema"]
    written = [*top["quality"], *(one for field in top["properties"] for one in field["quality"])]
    assert {(one["type"], one["engine"]) for one in written} == {("custom", ENGINE)}
    rules = quality_from(one["implementation"] for one in written)
    assert [one.rule.rule for one in rules] == ["late", "future", "range", "unit"]


@pytest.mark.parametrize(
    ("kind", "window", "warned"), [("http", "", True), ("http", WINDOW, False), ("file", "", False)]
)
def test_a_source_that_is_sent_to_wants_a_window(ecosystem, kind: str, window: str, warned: bool) -> None:  # noqa: FBT001 - a parameter of the test
    ecosystem.edit("connectors.yaml", "kind: file", f"kind: {kind}")
    ecosystem.edit(CONTRACT, PLACE, PLACE + window)
    message = "what visits sends again goes to quarantine"
    assert ((Level.WARNING, message) in found(ecosystem)) is warned
