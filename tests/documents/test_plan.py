"""`plan`, clause by clause: what becomes less protected is said loudly, what does not is said calmly."""

from dataclasses import dataclass, replace

import pytest

from penstock.ops.documents.load import Documents
from penstock.ops.documents.plan import Change, InForce, plan
from penstock.schemas.generation import agreement_record, contract_record

AGREEMENT = "agreements/visits-lab.yaml"
CONTRACT = "contracts/visits.odcs.yaml"
CHARTER = "charter.yaml"
NOISE = "minutes: {do: noise, epsilon: 1, sensitivity: 10, clamp: [0, 60]}"
BUDGET = "retention: month\nprivacy_budget: {epsilon: 2, period: month, unit: person}"
TOLD = "inform_subject:\n  when: deferred\n  law: Act 5"
DOMAINS = "linkage_domains:\n  - id: health\n    agreements: [visits-lab]\n"


@dataclass(frozen=True)
class Clause:
    """In force is `old` in place of what the base documents say; planned is `new`."""

    name: str
    file: str
    base: str
    old: str
    new: str
    key: str
    message: str


def field(name: str, base: str, old: str, new: str, message: str, *, key: str = "") -> Clause:
    """`old` and `new` are whole lines below `fields`."""
    path = key or "fields." + new.partition(":")[0]
    return Clause(name, AGREEMENT, f"  {base}\n", f"  {old}\n", f"  {new}\n", path, message)


MINUTES = "minutes: {do: generalise, to: bucket, size: 10}"
NAME = "person.name: {do: mask, how: truncate, keep: 1}"
BORN = "person.born: {do: generalise, to: year}"
AT = "at: {do: generalise, to: month}"

LOUD = [
    field(
        "encrypt to pass",
        NAME,
        "person.name: {do: encrypt}",
        "person.name: {do: pass, reason: x}",
        "encrypt becomes pass",
    ),
    field("omit to encrypt", "notes: {do: omit}", "notes: {do: omit}", "notes: {do: encrypt}", "omit becomes encrypt"),
    field("encrypt to mask", NAME, "person.name: {do: encrypt}", NAME, "encrypt becomes mask"),
    field(
        "pseudonymise to generalise", BORN, "person.born: {do: pseudonymise}", BORN, "pseudonymise becomes generalise"
    ),
    field(
        "part of what was encrypted whole",
        "lines: {do: encrypt}",
        "lines: {do: encrypt}",
        "lines[].text: {do: pass}\n  lines[].count: {do: encrypt}",
        "encrypt becomes pass",
        key="fields.lines[].text",
    ),
    field(
        "epsilon up",
        MINUTES,
        NOISE,
        NOISE.replace("epsilon: 1", "epsilon: 2"),
        "the noise becomes smaller: scale 10 becomes 5",
    ),
    field(
        "sensitivity down", MINUTES, NOISE, NOISE.replace("10", "5"), "the noise becomes smaller: scale 10 becomes 5"
    ),
    field(
        "epsilon up at equal noise",
        MINUTES,
        NOISE,
        NOISE.replace("epsilon: 1, sensitivity: 10", "epsilon: 2, sensitivity: 20"),
        "the privacy loss of each release rises: epsilon 1 becomes 2",
    ),
    field("clamp wider", MINUTES, NOISE, NOISE.replace("60", "600"), "the clamp becomes wider"),
    field("bucket finer", MINUTES, MINUTES, MINUTES.replace("10", "5"), "the bucket becomes finer: 10 becomes 5"),
    field(
        "day to hour",
        AT,
        AT.replace("month", "day"),
        AT.replace("month", "hour"),
        "generalise to day becomes hour",
    ),
    field("year to month", BORN, BORN, BORN.replace("year", "month"), "generalise to year becomes month"),
    field("more characters kept", NAME, NAME, NAME.replace("1", "3"), "more characters are kept: 1 becomes 3"),
    field("other end kept", NAME, NAME, NAME.replace("keep: 1", "keep: 1, side: end"), "other characters are kept"),
    field("length shown", NAME, NAME, NAME.replace("truncate", "redact"), "the length can be seen"),
    Clause(
        "predicate removed",
        AGREEMENT,
        "predicate: 'minutes > 5'\n",
        "predicate: 'minutes > 5'\n",
        "",
        "predicate",
        "the predicate is removed",
    ),
    Clause(
        "predicate changed",
        AGREEMENT,
        "'minutes > 5'",
        "'minutes > 5'",
        "'minutes > 4'",
        "predicate",
        "the predicate changes",
    ),
    Clause(
        "consent no longer required",
        AGREEMENT,
        "not-required",
        "required",
        "not-required",
        "consent",
        "consent is no longer required",
    ),
    Clause("new place", AGREEMENT, "[EE, NO]", "[EE, NO]", "[EE, FI, NO]", "places", "new places of processing: FI"),
    Clause(
        "place of processing moves",
        AGREEMENT,
        "  place: NO",
        "  place: EE",
        "  place: NO",
        "processing.place",
        "moves from EE to NO",
    ),
    Clause(
        "transfer mechanism",
        AGREEMENT,
        "  place: NO",
        "  place: NO",
        "  place: NO\n  transfer_mechanism: Adequacy decision",
        "processing.transfer_mechanism",
        "another transfer mechanism",
    ),
    Clause(
        "validity prolonged",
        AGREEMENT,
        "until: 2031",
        "until: 2031",
        "until: 2032",
        "valid.until",
        "prolonged from 2031-01-01",
    ),
    Clause(
        "validity from earlier", AGREEMENT, "from: 2026", "from: 2026", "from: 2025", "valid.from", "begins earlier"
    ),
    Clause(
        "record times finer",
        AGREEMENT,
        "event_time: month",
        "event_time: year",
        "event_time: month",
        "event_time",
        "year becomes month",
    ),
    Clause(
        "subject told less",
        AGREEMENT,
        "inform_subject:\n  when: immediate",
        "inform_subject:\n  when: immediate",
        TOLD,
        "inform_subject.when",
        "immediate becomes deferred",
    ),
    Clause(
        "another recipient",
        AGREEMENT,
        "recipient: lab",
        "recipient: lab",
        "recipient: state",
        "recipient",
        "state in place of lab",
    ),
    Clause(
        "another purpose",
        AGREEMENT,
        "#ResearchAndDevelopment",
        "#ResearchAndDevelopment",
        "#ServiceProvision",
        "purpose",
        "another purpose",
    ),
    Clause(
        "another retention",
        AGREEMENT,
        "retention: month",
        "retention: month",
        "retention: year",
        "retention",
        "month becomes year",
    ),
    Clause(
        "another scope of use",
        AGREEMENT,
        "scope_of_use: Research.",
        "scope_of_use: Research.",
        "scope_of_use: Any.",
        "scope_of_use",
        "compare the two texts",
    ),
    Clause(
        "budget removed",
        AGREEMENT,
        "retention: month",
        BUDGET,
        "retention: month",
        "privacy_budget",
        "the privacy budget is removed",
    ),
    Clause(
        "budget grows",
        AGREEMENT,
        "retention: month",
        BUDGET,
        BUDGET.replace("month, unit", "week, unit"),
        "privacy_budget",
        "2 a month becomes 2 a week",
    ),
    Clause(
        "another privacy unit",
        AGREEMENT,
        "retention: month",
        BUDGET,
        BUDGET.replace("person", "visit"),
        "privacy_budget",
        "person becomes visit",
    ),
    Clause(
        "contract classified as more open",
        CONTRACT,
        "{name: weight, classification: confidential",
        "{name: weight, classification: confidential",
        "{name: weight, classification: public",
        "fields.weight.classification",
        "confidential becomes public",
    ),
    Clause(
        "contract with less personal data",
        CONTRACT,
        "value: national-id",
        "value: national-id",
        "value: personal",
        "fields.person.ref.personal",
        "national-id data becomes personal",
    ),
    Clause(
        "contract with another subject",
        CONTRACT,
        "value: doctor",
        "value: doctor",
        "value: person.ref",
        "fields.doctor.subject",
        "another data subject: person.ref",
    ),
    Clause(
        "contract kept longer",
        CONTRACT,
        "retention, value: year",
        "retention, value: month",
        "retention, value: year",
        "retention",
        "month becomes year",
    ),
    Clause(
        "charter permits a purpose",
        CHARTER,
        "#ServiceProvision",
        "#ServiceProvision",
        "#Marketing",
        "purposes",
        "newly permitted: https://w3id.org/dpv#Marketing",
    ),
    Clause(
        "charter permits a place",
        CHARTER,
        "[EE, FI, NO]",
        "[EE, FI, NO]",
        "[EE, FI, NO, US]",
        "places",
        "newly permitted: US",
    ),
    Clause(
        "charter permits a transfer",
        CHARTER,
        "[Adequacy decision]",
        "[]",
        "[Adequacy decision]",
        "transfer_mechanisms",
        "newly permitted: Adequacy decision",
    ),
    Clause(
        "charter lets keys go unsealed",
        CHARTER,
        "    unsealed_keys: a laboratory of the tests\n",
        "    # a laboratory of the tests\n",
        "    unsealed_keys: a laboratory of the tests\n",
        "members",
        "keys are handed out unsealed: lab",
    ),
    Clause(
        "charter keeps longer",
        CHARTER,
        "P30D",
        "P30D",
        "P31D",
        "retention_classes.month",
        "'month' keeps longer: P30D becomes P31D",
    ),
    Clause(
        "pseudonyms joined",
        CHARTER,
        DOMAINS,
        DOMAINS,
        DOMAINS.replace("[visits-lab]", "[visits-lab, visits-state]"),
        "linkage_domains.health",
        "the same pseudonyms in visits-lab, visits-state",
    ),
]

CALM = [
    field(
        "pass to encrypt",
        NAME,
        "person.name: {do: pass, reason: x}",
        "person.name: {do: encrypt}",
        "pass (reason x) becomes encrypt",
    ),
    field("field omitted", "price: {do: pass}", "price: {do: pass}", "price: {do: omit}", "pass becomes omit"),
    field(
        "epsilon down",
        MINUTES,
        NOISE,
        NOISE.replace("epsilon: 1", "epsilon: 0.5"),
        "noise (epsilon 1, sensitivity 10, clamp [0, 60]) becomes noise (epsilon 0.5",
    ),
    field("bucket coarser", MINUTES, MINUTES, MINUTES.replace("10", "20"), "generalise (to bucket, size 10) becomes"),
    field(
        "month to year", BORN, BORN.replace("year", "month"), BORN, "generalise (to month) becomes generalise (to year)"
    ),
    field(
        "fewer characters kept", NAME, NAME.replace("1", "3"), NAME, "mask (how truncate, keep 3, side start) becomes"
    ),
    field(
        "reason reworded",
        "price: {do: pass}",
        "price: {do: pass, reason: a}",
        "price: {do: pass, reason: b}",
        "pass (reason a)",
    ),
    Clause(
        "predicate added",
        AGREEMENT,
        "predicate: 'minutes > 5'\n",
        "",
        "predicate: 'minutes > 5'\n",
        "predicate",
        "nothing becomes minutes > 5",
    ),
    Clause(
        "consent now required",
        AGREEMENT,
        "not-required",
        "not-required",
        "required",
        "consent",
        "not-required becomes required",
    ),
    Clause("place removed", AGREEMENT, "[EE, NO]", "[EE, NO]", "[NO]", "places", "[EE, NO] becomes [NO]"),
    Clause("validity shortened", AGREEMENT, "until: 2031", "until: 2031", "until: 2030", "valid.until", "becomes 2030"),
    Clause(
        "record times coarser",
        AGREEMENT,
        "event_time: month",
        "event_time: month",
        "event_time: year",
        "event_time",
        "month becomes year",
    ),
    Clause(
        "budget shrinks",
        AGREEMENT,
        "retention: month",
        BUDGET,
        BUDGET.replace("2", "1"),
        "privacy_budget.epsilon",
        "2 becomes 1",
    ),
    Clause(
        "title",
        AGREEMENT,
        "title: Visits for research",
        "title: Visits",
        "title: All visits",
        "title",
        "Visits becomes All visits",
    ),
    Clause(
        "contract classified as more closed",
        CONTRACT,
        "{name: price, classification: internal",
        "{name: price, classification: internal",
        "{name: price, classification: restricted",
        "fields.price.classification",
        "internal becomes restricted",
    ),
]


def in_force(documents: Documents) -> InForce:
    return InForce(
        {name: agreement_record(one) for name, one in documents.agreements.items()},
        {name: contract_record(one) for name, one in documents.contracts.items()},
        documents.charter.model_dump(mode="json", by_alias=True),
    )


def changes(ecosystem, clause: Clause) -> list[Change]:
    ecosystem.edit(clause.file, clause.base, "@HERE@")
    ecosystem.edit(clause.file, "@HERE@", clause.old)
    old = in_force(ecosystem.load())
    ecosystem.edit(clause.file, clause.old, clause.new) if clause.old else _restore(ecosystem, clause)
    return plan(old, ecosystem.load())


def _restore(ecosystem, clause: Clause) -> None:
    ecosystem.edit(clause.file, "fields:\n", clause.new + "fields:\n")


@pytest.mark.parametrize("clause", LOUD, ids=lambda clause: clause.name)
def test_less_protected(ecosystem, clause: Clause) -> None:
    found = changes(ecosystem, clause)
    loud = [change for change in found if change.loud]
    assert [(change.key, clause.message in change.message) for change in loud] == [(clause.key, True)], found
    assert found[0].loud
    assert str(loud[0]).startswith("LESS PROTECTED: ")


@pytest.mark.parametrize("clause", CALM, ids=lambda clause: clause.name)
def test_no_less_protected(ecosystem, clause: Clause) -> None:
    found = changes(ecosystem, clause)
    assert not [change for change in found if change.loud]
    said = [change for change in found if change.key == clause.key]
    assert len(said) == 1, found
    assert clause.message in said[0].message
    assert said[0].kind == "changed"


def test_the_same_documents_change_nothing(ecosystem) -> None:
    assert plan(in_force(ecosystem.load()), ecosystem.load()) == []


def test_everything_is_added_to_nothing(ecosystem) -> None:
    found = plan(InForce({}, {}), ecosystem.load())
    assert [str(change) for change in found] == [
        "contract visits: is new: 16 fields of city",
        "agreement visits-lab: is new: city gives lab a view of visits",
        "charter base: is new",
    ]
    assert {change.kind for change in found} == {"added"}


def test_what_is_gone_is_removed(ecosystem) -> None:
    old = in_force(ecosystem.load())
    (ecosystem.root / AGREEMENT).unlink()
    assert [str(change) for change in plan(old, ecosystem.load())] == [
        "agreement visits-lab: is removed: the agreement ends"
    ]


def test_a_terminated_agreement_whose_document_still_lies_there_is_over_and_not_new(ecosystem) -> None:
    old = in_force(ecosystem.load())
    ended = replace(old, agreements={}, over=frozenset({"visits-lab", "gone"}))
    (found,) = plan(ended, ecosystem.load())
    assert found.kind == "over"
    assert str(found).startswith("agreement visits-lab: was terminated, for good")
    (ecosystem.root / AGREEMENT).unlink()
    assert plan(ended, ecosystem.load()) == []


def test_a_new_field_of_the_contract_that_enters_the_view_is_loud(ecosystem) -> None:
    old = in_force(ecosystem.load())
    old.agreements["visits-lab"]["fields"].pop("price")
    assert [str(change) for change in plan(old, ecosystem.load())] == [
        "LESS PROTECTED: agreement visits-lab, fields.price: a field that was not in the view is now: pass"
    ]


def test_another_avro_schema_is_said_in_one_line(ecosystem) -> None:
    old = in_force(ecosystem.load())
    ecosystem.edit("contracts/visits.avsc", '"name": "minutes", "type": "int"', '"name": "minutes", "type": "long"')
    assert [str(change) for change in plan(old, ecosystem.load())] == [
        "contract visits, schema: the Avro schema is another"
    ]
