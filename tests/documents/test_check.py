"""`check`, clause by clause: each breaks one thing in good documents and reads the finding, its file and its line."""

from dataclasses import dataclass

import pytest

from penstock.ops.documents.check import check, errors
from penstock.ops.documents.rules_notes import NOISE_WARNING
from penstock.schemas.problem import Finding, Level

AGREEMENT = "agreements/visits-lab.yaml"
CHARTER = "charter.yaml"
CONTRACT = "contracts/visits.odcs.yaml"
CONNECTORS = "connectors.yaml"
SCENARIO = "scenarios/long-visit.yaml"
DATASET_ID = "dataset: visits\n"


@dataclass(frozen=True)
class Clause:
    """In `file`, `old` becomes `new`; then a finding of `level` says `message` at the line of `new`, or of `at`."""

    name: str
    file: str
    old: str
    new: str
    message: str
    level: str = "error"
    at: str = ""
    remedy: str = ""
    in_file: str = ""


def safeguard(field: str, old: str, new: str, message: str, name: str, **more: str) -> Clause:
    return Clause(name, AGREEMENT, f"{field}: {{{old}}}", f"{field}: {{{new}}}", message, **more)


TERMS = [
    Clause("unknown purpose", AGREEMENT, "dpv#ResearchAndDevelopment", "dpv#Marketing", "unknown purpose"),
    Clause(
        "purpose that differs in one letter",
        AGREEMENT,
        "dpv#ResearchAndDevelopment",
        "dpv#ResearchAndDevelopmen",
        "unknown purpose",
        remedy="did you mean 'https://w3id.org/dpv#ResearchAndDevelopment'?",
    ),
    Clause(
        "unknown legal basis",
        AGREEMENT,
        'recipient: {basis: "https://w3id.org/dpv/legal/eu/gdpr#A6-1-e"',
        'recipient: {basis: "https://w3id.org/dpv/legal/eu/gdpr#A6-1-f"',
        "unknown legal basis https://w3id.org/dpv/legal/eu/gdpr#A6-1-f",
    ),
    Clause(
        "consent as basis without requiring it",
        AGREEMENT,
        'provider: {basis: "https://w3id.org/dpv/legal/eu/gdpr#A6-1-e"',
        'provider: {basis: "https://w3id.org/dpv/legal/eu/gdpr#A6-1-a"',
        "consent is the legal basis, and the agreement does not require it",
    ),
    Clause("unknown provider", AGREEMENT, "provider: city", "provider: town", "unknown member 'town'"),
    Clause("unknown recipient", AGREEMENT, "recipient: lab", "recipient: lob", "unknown member 'lob'", remedy="lab"),
    Clause("recipient without the role", AGREEMENT, "recipient: lab", "recipient: city", "'city' is no recipient"),
    Clause("provider without the role", AGREEMENT, "provider: city", "provider: lab", "'lab' is no provider"),
    Clause("recipient is the provider", AGREEMENT, "recipient: lab", "recipient: city", "are the same"),
    Clause(
        "provider that does not own the dataset",
        AGREEMENT,
        "provider: city",
        "provider: state",
        "the dataset 'visits' belongs to 'city'",
    ),
    Clause("unknown dataset", AGREEMENT, DATASET_ID, "dataset: visit\n", "unknown dataset 'visit'", remedy="'visits'"),
    Clause("another major version", AGREEMENT, "major: 1", "major: 2", "the contract of 'visits' has major version 1"),
    Clause(
        "unknown retention class", AGREEMENT, "retention: month", "retention: week", "unknown retention class 'week'"
    ),
    Clause("place the charter forbids", AGREEMENT, "places: [EE, NO]", "places: [EE, US, NO]", "processing in US"),
    Clause(
        "place of processing outside the agreed ones",
        AGREEMENT,
        "  place: NO",
        "  place: US",
        "US is not among the agreed places: everything is withheld (place)",
        "warning",
    ),
    Clause(
        "unknown transfer mechanism",
        AGREEMENT,
        "  place: NO",
        "  place: US\n  transfer_mechanism: Handshake",
        "unknown transfer mechanism",
        at="transfer_mechanism",
    ),
    Clause("validity reversed", AGREEMENT, "until: 2031", "until: 2025", "the agreement ends before it begins"),
    Clause("expired", AGREEMENT, "until: 2031-01", "until: 2026-02", "the agreement has expired", "warning"),
    Clause("not yet in force", AGREEMENT, "from: 2026-01", "from: 2026-09", "is not in force yet", "note"),
    Clause(
        "start that is no date",
        AGREEMENT,
        "event_time: month",
        "event_time: month\nstart: yesterday",
        "start is none of: now, earliest, a date",
        at="start: yesterday",
    ),
    Clause(
        "start in the future",
        AGREEMENT,
        "event_time: month",
        "event_time: month\nstart: 2026-06-02T00:00:00+02:00",
        "start lies in the future",
        at="start: 2026",
    ),
    Clause(
        "deferred telling without a law",
        AGREEMENT,
        "when: immediate",
        "when: deferred",
        "the data subject is told deferred, and no law is named",
        at="inform_subject",
    ),
    Clause(
        "restricted telling without a law",
        AGREEMENT,
        "when: immediate",
        "when: restricted",
        "the data subject is told restricted, and no law is named",
        at="inform_subject",
    ),
]

FIELDS = [
    Clause(
        "absent field",
        AGREEMENT,
        "  price: {do: pass}",
        "  price: {do: pass}\n  prize: {do: omit}",
        "`prize` is no field of 'visits'",
        at="prize",
        remedy="did you mean 'price'?",
    ),
    Clause(
        "field without a safeguard", AGREEMENT, "  price: {do: pass}\n", "", "`price` has no safeguard", at="fields:"
    ),
    Clause(
        "field covered twice",
        AGREEMENT,
        "  lines: {do: encrypt}",
        "  lines: {do: encrypt}\n  lines[].text: {do: omit}",
        "`lines[].text` is covered twice: by lines and lines[].text",
        at="lines[].text",
    ),
    safeguard(
        "person.ref",
        "do: pseudonymise",
        "do: pass, reason: needed",
        "`person.ref` is national-id data and may not pass",
        "pass on a national id",
    ),
    safeguard(
        "ward", "do: encrypt", "do: pass, reason: x", "`ward` is special data and may not pass", "pass on special data"
    ),
    safeguard(
        "person.name",
        "do: mask, how: truncate, keep: 1",
        "do: pass",
        "`person.name` is personal data and passes without a reason",
        "pass on a personal field without a reason",
    ),
    safeguard(
        "weight",
        "do: generalise, to: grid, size: 0.5",
        "do: pass",
        "`weight` is confidential and passes without a reason",
        "pass on a confidential field without a reason",
    ),
    safeguard(
        "person.ref",
        "do: pseudonymise",
        "do: mask, how: redact, keep: 3",
        "`person.ref` is national-id data, of which 3 characters are kept",
        "mask that keeps a part of a national id",
        level="warning",
    ),
    safeguard(
        "minutes",
        "do: generalise, to: bucket, size: 10",
        "do: pseudonymise",
        "`minutes` identifies no data subject and is not the event id",
        "pseudonym of what is no subject",
    ),
    safeguard(
        "minutes",
        "do: generalise, to: bucket, size: 10",
        "do: mask, how: redact",
        "`minutes` is int: only a string can be masked",
        "mask on what is no string",
    ),
    safeguard(
        "person.born",
        "do: generalise, to: year",
        "do: generalise, to: bucket, size: 10",
        "`person.born` is int (date): only numbers have buckets",
        "buckets of a date",
    ),
    safeguard(
        "minutes",
        "do: generalise, to: bucket, size: 10",
        "do: generalise, to: year",
        "only dates and timestamps have a year",
        "year of a number",
    ),
    safeguard(
        "minutes",
        "do: generalise, to: bucket, size: 10",
        "do: generalise, to: grid, size: 1",
        "only a float or double is a coordinate",
        "grid of a whole number",
    ),
    safeguard(
        "person.name",
        "do: mask, how: truncate, keep: 1",
        "do: noise, epsilon: 1, sensitivity: 1, clamp: [0, 1]",
        "`person.name` is string: noise wants an int or long",
        "noise on what is no number",
    ),
    safeguard(
        "person.born",
        "do: generalise, to: year",
        "do: noise, epsilon: 1, sensitivity: 1, clamp: [0, 1]",
        "`person.born` is int (date): noise wants",
        "noise on a date",
    ),
    safeguard(
        "limits", "do: pass", "do: mask, how: redact", "`limits` holds several fields", "a leaf's safeguard on a record"
    ),
    safeguard(
        "notes",
        "do: omit",
        "do: pass, reason: x",
        "`notes` is a map, whose keys tell as much as its values, and holds confidential data",
        "pass on a confidential map",
    ),
    Clause(
        "part of a map protected",
        AGREEMENT,
        "  limits: {do: pass}",
        "  limits{}.low: {do: pass}\n  limits{}.high: {do: encrypt}",
        "`limits` is a map, whose keys tell as much as its values, and cannot be protected in part",
        at="limits{}.low",
    ),
]

NUMBERS = [
    safeguard(
        "minutes",
        "do: generalise, to: bucket, size: 10",
        "do: noise, epsilon: 1, sensitivity: 1, clamp: [60, 0]",
        "the clamp of `minutes` is reversed or empty",
        "clamp reversed",
    ),
    safeguard(
        "minutes",
        "do: generalise, to: bucket, size: 10",
        "do: noise, epsilon: 1, sensitivity: 1, clamp: [5, 5]",
        "the clamp of `minutes` is reversed or empty",
        "clamp empty",
    ),
    safeguard(
        "minutes",
        "do: generalise, to: bucket, size: 10",
        "do: noise, epsilon: 1, sensitivity: 1, clamp: [0.5, 60]",
        "the clamp of `minutes` must be whole numbers",
        "clamp with a fraction on a whole number",
    ),
    safeguard(
        "minutes",
        "do: generalise, to: bucket, size: 10",
        "do: noise, epsilon: 1, sensitivity: 1, clamp: [0, 60], step: 2",
        "the step of `minutes` is 1",
        "step on a whole number",
    ),
    safeguard(
        "weight",
        "do: generalise, to: grid, size: 0.5",
        "do: noise, epsilon: 1, sensitivity: 1, clamp: [0, 200]",
        "`weight` is double: noise wants an int or long, or a float or double with a stated step",
        "noise on a double without a step",
    ),
    safeguard(
        "weight",
        "do: generalise, to: grid, size: 0.5",
        "do: noise, epsilon: 1, sensitivity: 1, clamp: [0, 2], step: 3",
        "the step of `weight` is wider than its clamp",
        "step wider than the clamp",
    ),
    safeguard(
        "minutes",
        "do: generalise, to: bucket, size: 10",
        "do: noise, epsilon: 1, sensitivity: 1, clamp: [0, 60]",
        NOISE_WARNING,
        "noise without a privacy budget",
        level="warning",
    ),
    safeguard(
        "minutes",
        "do: generalise, to: bucket, size: 10",
        "do: generalise, to: bucket",
        "generalise to bucket needs a size",
        "bucket without a size",
    ),
    safeguard(
        "minutes",
        "do: generalise, to: bucket, size: 10",
        "do: generalise, to: bucket, size: 2.5",
        "the buckets of `minutes` must have a whole size",
        "bucket with a fraction on a whole number",
    ),
    safeguard(
        "person.born",
        "do: generalise, to: year",
        "do: generalise, to: year, size: 2",
        "generalise to year takes no size",
        "year with a size",
    ),
]

ROLES = [
    safeguard(
        "visit_id",
        "do: pseudonymise",
        "do: pass, reason: x",
        "the event id `visit_id` of personal data passes",
        "event id of personal data passes",
    ),
    safeguard(
        "visit_id",
        "do: pseudonymise",
        "do: omit",
        "the agreement encrypts, and `visit_id`, the event id that binds ciphertexts to their record, is lost",
        "encryption without the event id",
    ),
    Clause(
        "event time finer than its field",
        AGREEMENT,
        "event_time: month",
        "event_time: day",
        "records carry the event time to the day, and `at` is generalised to the month",
        remedy="write month",
    ),
    Clause(
        "event time exact over a generalised field",
        AGREEMENT,
        "event_time: month",
        "event_time: exact",
        "records carry the event time exactly, and `at` is generalised to the month",
    ),
    Clause(
        "predicate that is no CEL", AGREEMENT, "'minutes > 5'", "'minutes >'", "not CEL", remedy="write it like amount"
    ),
    Clause(
        "predicate on an absent field",
        AGREEMENT,
        "'minutes > 5'",
        "'minuts > 5'",
        "names the field 'minuts'",
        remedy="did you mean 'minutes'?",
    ),
    Clause("predicate that is no yes or no", AGREEMENT, "'minutes > 5'", "'minutes'", "takes true or false"),
    Clause(
        "predicate over a hidden field",
        AGREEMENT,
        "'minutes > 5'",
        "'ward == \"A\"'",
        "that a record is there tells something about `ward`",
        "note",
    ),
    safeguard(
        "ward",
        "do: encrypt",
        "do: encrypt",
        "carry a key handle, which links the records",
        "handle links",
        level="note",
    ),
    Clause(
        "nearly unique fields are kept",
        AGREEMENT,
        "at: {do: generalise, to: month}",
        "at: {do: pass, reason: x}",
        "nearly unique values are kept: `at`, `price`",
        "note",
        at="fields:",
    ),
]

CONTRACTS = [
    Clause("contract of an unknown member", CONTRACT, "value: city", "value: town", "unknown member 'town'"),
    Clause("contract of a member that is no provider", CONTRACT, "value: city", "value: lab", "'lab' is no provider"),
    Clause(
        "contract with an unknown retention class",
        CONTRACT,
        "value: year",
        "value: day",
        "unknown retention class 'day'",
    ),
    Clause(
        "unclassified field",
        CONTRACT,
        "{name: minutes, classification: internal, ",
        "{name: minutes, ",
        "`minutes` is unclassified: treated as restricted",
        "warning",
    ),
    Clause(
        "field that the contract does not describe",
        CONTRACT,
        "      - {name: minutes, classification: internal, "
        "customProperties: [{property: penstock.personalData, value: none}]}\n",
        "",
        "`minutes` is unclassified: treated as restricted",
        "warning",
        at="schema:",
    ),
    Clause(
        "field without a personal-data category",
        CONTRACT,
        "{name: minutes, classification: internal, customProperties: [{property: penstock.personalData, value: none}]}",
        "{name: minutes, classification: internal}",
        "`minutes` has no personal-data category: treated as personal",
        "warning",
    ),
    Clause(
        "special data that is only internal",
        CONTRACT,
        "{name: ward, classification: restricted",
        "{name: ward, classification: internal",
        "`ward` is special data and only internal",
        "warning",
    ),
    Clause(
        "restricted field passes, since nobody classified it",
        CONTRACT,
        "{name: price, classification: internal, ",
        "{name: price, ",
        "`price` is restricted and may not pass",
        in_file=AGREEMENT,
        at="price:",
    ),
    Clause(
        "personal field with no subject",
        CONTRACT,
        "  - {property: penstock.dataSubject, value: person.ref}\n",
        "",
        "`person.ref` is personal data, and nothing says whose",
        at="- name: ref",
    ),
]

CHARTERS = [
    Clause(
        "member with a name that ours begin with",
        CHARTER,
        "- id: state",
        "- id: penstock",
        "'penstock' is what our own topics and groups begin with",
    ),
    Clause(
        "member named twice",
        CHARTER,
        "- id: state",
        "- id: city",
        "'city' is named twice",
        at="  - id: city\n    name: State",
    ),
    Clause(
        "purpose named twice",
        CHARTER,
        "dpv#ServiceProvision",
        "dpv#ResearchAndDevelopment",
        "'https://w3id.org/dpv#ResearchAndDevelopment' is named twice",
        at="  - iri: https://w3id.org/dpv#ResearchAndDevelopment\n    label: Research",
    ),
    Clause(
        "retention class named twice",
        CHARTER,
        "- id: year",
        "- id: month",
        "'month' is named twice",
        at="  - id: month\n    duration: P1Y",
    ),
    Clause(
        "linkage domain of an unknown agreement",
        CHARTER,
        "agreements: [visits-lab]",
        "agreements: [visits-lob]",
        "unknown agreement 'visits-lob'",
        remedy="did you mean 'visits-lab'?",
    ),
    Clause(
        "agreement in two linkage domains",
        CHARTER,
        "    agreements: [visits-lab]",
        "    agreements: [visits-lab]\n  - id: other\n    agreements:\n      - visits-lab",
        "the agreement 'visits-lab' is in the domain 'health' already",
        at="      - visits-lab",
    ),
    Clause(
        "linkage domain with the name of an agreement outside it",
        CHARTER,
        "  - id: health\n    agreements: [visits-lab]",
        "  - id: visits-lab\n    agreements: []",
        "the domain has the name of the agreement 'visits-lab'",
    ),
]

EDGES = [
    Clause("source of an unknown kind", CONNECTORS, "kind: file", "kind: fyle", "unknown kind 'fyle'", remedy="'file'"),
    Clause("source of an unknown dataset", CONNECTORS, DATASET_ID, "dataset: x\n", "unknown dataset 'x'"),
    Clause(
        "source of another major version",
        CONNECTORS,
        DATASET_ID,
        "dataset: visits\n    major: 3\n",
        "the contract of 'visits' has major version 1",
        at="major: 3",
    ),
    Clause(
        "two sources in one directory",
        CONNECTORS,
        "    format: ndjson",
        "    format: ndjson\n  - {id: again, kind: file, dataset: visits, path: inbox/visits}",
        "another source has the same path",
        at="again",
    ),
    Clause("scenario of an unknown agreement", SCENARIO, "visits-lab", "visits-lob", "unknown agreement 'visits-lob'"),
    Clause("scenario with an unknown field", SCENARIO, "    minutes: 34", "    minuts: 34", "`minuts` is no field"),
    Clause(
        "scenario that expects an unknown field", SCENARIO, "    minutes: 30", "    minuts: 30", "`minuts` is no field"
    ),
]

UNSEALED = "    unsealed_keys: a laboratory of the tests\n"


def sealing(*keys: str) -> str:
    return "    sealing_keys:\n" + "".join(f"      - {{{one}}}\n" for one in keys)


PUBLIC = "x25519:ED3E21gL5LaLDZHzAYiogPDITqJVkJr3uHzqIrvGAgw="


def sealing_key(name: str, since: int, until: int, public: str = PUBLIC) -> str:
    valid = f"{{from: {since}-01-01T00:00:00Z, until: {until}-01-01T00:00:00Z}}"
    return f"id: {name}, public_key: '{public}', valid: {valid}"


KEYS = [
    Clause(
        "encrypted fields for a recipient without a key",
        CHARTER,
        UNSEALED,
        "",
        "fields are encrypted, and 'lab' has no sealing key: it is handed no key",
        level="warning",
        at="recipient: lab",
        in_file=AGREEMENT,
        remedy="penstock partner key",
    ),
    Clause(
        "keys that are handed out unsealed",
        CHARTER,
        UNSEALED,
        UNSEALED,
        "keys for 'lab' are handed out unsealed",
        level="note",
        at="recipient: lab",
        in_file=AGREEMENT,
    ),
    Clause(
        "sealing keys and a reason for none",
        CHARTER,
        UNSEALED,
        UNSEALED + sealing(sealing_key("a", 2026, 2099)),
        "says why keys come unsealed, and sealing keys are there",
        at="    unsealed_keys:",
    ),
    Clause(
        "a sealing key that is none",
        CHARTER,
        UNSEALED,
        sealing(sealing_key("a", 2026, 2099, "ed25519:" + "A" * 43 + "=")),
        "must be 'x25519:' and the base64 of 32 bytes",
        at="- {id: a",
    ),
    Clause(
        "a sealing key of small order",
        CHARTER,
        UNSEALED,
        sealing(sealing_key("a", 2026, 2099, "x25519:" + "A" * 43 + "=")),
        "is a point to which nothing can be sealed",
        at="- {id: a",
    ),
    Clause(
        "a sealing key named twice",
        CHARTER,
        UNSEALED,
        sealing(sealing_key("a", 2026, 2099), sealing_key("a", 2027, 2099)),
        "'a' is named twice",
        at="- {id: a, public_key: 'x25519:ED3E21gL5LaLDZHzAYiogPDITqJVkJr3uHzqIrvGAgw=', valid: {from: 2027",
    ),
    Clause(
        "a sealing key that ends before it begins",
        CHARTER,
        UNSEALED,
        sealing(sealing_key("a", 2099, 2026)),
        "ends before it begins",
        at="- {id: a",
    ),
    Clause(
        "the last sealing key is over",
        CHARTER,
        UNSEALED,
        sealing(sealing_key("a", 2020, 2021)),
        "the last sealing key of 'lab' has expired: no key is handed out then",
        level="warning",
        at="sealing_keys:",
    ),
]

CLAUSES = [*TERMS, *FIELDS, *NUMBERS, *ROLES, *CONTRACTS, *CHARTERS, *KEYS, *EDGES]


@pytest.mark.parametrize("clause", CLAUSES, ids=lambda clause: clause.name)
def test_clause(ecosystem, clause: Clause) -> None:
    ecosystem.edit(clause.file, clause.old, clause.new)
    file = clause.in_file or clause.file
    matching = [one for one in ecosystem.examine() if clause.message in one.message]
    assert matching, [str(one) for one in ecosystem.examine()]
    found = matching[-1]
    assert found.level == clause.level
    assert found.file == file
    assert found.line == _line(ecosystem, file, clause.at or clause.new)
    assert clause.remedy in found.remedy
    assert found.key


def _line(ecosystem, file: str, text: str) -> int:
    """Return the line on which `text`, which may span several, begins."""
    whole = (ecosystem.root / file).read_text(encoding="utf-8")
    return whole[: whole.index(text)].count("\n") + 1


def test_clauses_have_different_names() -> None:
    names = [clause.name for clause in CLAUSES]
    assert len(names) == len(set(names))


def test_the_base_documents_have_no_error_and_no_warning(ecosystem) -> None:
    found = ecosystem.examine()
    assert {one.level for one in found} <= {Level.NOTE}, [str(one) for one in found]


def test_two_members_do_not_share_a_sealing_key(ecosystem) -> None:
    key = sealing(sealing_key("a", 2026, 2099))
    ecosystem.edit(CHARTER, UNSEALED, key)
    assert not [one for one in ecosystem.examine() if one.level is not Level.NOTE]
    ecosystem.edit(CHARTER, "    roles: [provider, recipient]\n", "    roles: [provider, recipient]\n" + key)
    (said,) = errors(ecosystem.examine())
    assert (said.key, said.file) == ("members[2].sealing_keys[0].public_key", CHARTER)
    assert "is a key of another member" in said.message


def test_consent_needs_a_data_subject(ecosystem) -> None:
    ecosystem.edit(AGREEMENT, "consent: not-required", "consent: required")
    ecosystem.edit(CONTRACT, "  - {property: penstock.dataSubject, value: person.ref}\n", "")
    said = [one for one in ecosystem.examine() if "names no data subject who could give it" in one.message]
    assert [(one.file, one.line) for one in said] == [(AGREEMENT, ecosystem.line(AGREEMENT, "consent:"))]


@pytest.mark.parametrize(("safeguard", "hidden"), [("omit", "omitted"), ("encrypt", "encrypted")])
def test_event_time_exact_over_a_hidden_field(ecosystem, safeguard: str, hidden: str) -> None:
    ecosystem.edit(AGREEMENT, "at: {do: generalise, to: month}", f"at: {{do: {safeguard}}}")
    ecosystem.edit(AGREEMENT, "event_time: month", "event_time: exact")
    said = [one for one in errors(ecosystem.examine()) if one.key == "event_time"]
    assert [one.message for one in said] == [f"records carry the event time exactly, and `at` is {hidden}"]
    assert said[0].line == ecosystem.line(AGREEMENT, "event_time")


def test_a_stated_budget_does_not_silence_the_warning_about_noise(ecosystem) -> None:
    ecosystem.edit(
        AGREEMENT,
        "minutes: {do: generalise, to: bucket, size: 10}",
        "minutes: {do: noise, epsilon: 1, sensitivity: 1, clamp: [0, 60]}",
    )
    ecosystem.edit(
        AGREEMENT, "retention: month", "retention: month\nprivacy_budget: {epsilon: 2, period: year, unit: p}"
    )
    said = [one for one in ecosystem.examine() if NOISE_WARNING in one.message]
    assert [one.remedy for one in said] == ["the stated budget is recorded, and nothing enforces it yet"]


def test_a_named_transfer_mechanism_covers_another_place(ecosystem) -> None:
    ecosystem.edit(AGREEMENT, "  place: NO", "  place: US\n  transfer_mechanism: Adequacy decision")
    assert not [one for one in ecosystem.examine() if one.level is not Level.NOTE]


def test_a_map_is_omitted_by_its_values_path_too(ecosystem) -> None:
    ecosystem.edit(AGREEMENT, "  notes: {do: omit}", "  notes{}: {do: omit}")
    assert not errors(ecosystem.examine())


def test_an_event_id_without_persons_may_pass(ecosystem) -> None:
    """Nobody's data: no subject, no personal field, so nothing to keep apart."""
    text = (ecosystem.root / CONTRACT).read_text(encoding="utf-8")
    for category in ("value: personal", "value: national-id", "value: special"):
        text = text.replace(category, "value: none")
    text = text.replace("  - {property: penstock.dataSubject, value: person.ref}\n", "")
    text = text.replace("          - property: penstock.subject\n            value: doctor\n", "")
    ecosystem.write(CONTRACT, text)
    ecosystem.edit(AGREEMENT, "visit_id: {do: pseudonymise}", "visit_id: {do: pass}")
    ecosystem.edit(AGREEMENT, "person.ref: {do: pseudonymise}", "person.ref: {do: omit}")
    ecosystem.edit(AGREEMENT, "doctor: {do: pseudonymise}", "doctor: {do: omit}")
    assert not errors(ecosystem.examine()), [str(one) for one in ecosystem.examine()]


def test_a_second_subject_of_a_field_may_be_pseudonymised(ecosystem) -> None:
    assert ecosystem.load().contracts["visits"].subject_paths == ("person.ref", "doctor")


def test_what_a_worker_would_refuse_is_found_even_without_a_rule(ecosystem) -> None:
    ecosystem.edit(AGREEMENT, "price: {do: pass}", "price: {do: generalise, to: bucket, size: 0.001}")
    (found,) = errors(ecosystem.examine())
    assert found.message == "the buckets of a decimal have a size of its scale"
    assert (found.file, found.line) == (AGREEMENT, ecosystem.line(AGREEMENT, "price:"))


def test_what_belongs_to_two_subjects_is_not_encrypted_as_one(ecosystem) -> None:
    ecosystem.edit(
        CONTRACT,
        "{name: text, classification: public, customProperties: [{property: penstock.personalData, value: none}]}",
        "{name: text, classification: public, customProperties: [{property: penstock.personalData, value: personal}]}",
    )
    ecosystem.edit(
        CONTRACT,
        "{name: count, classification: public, customProperties: [{property: penstock.personalData, value: none}]}",
        "{name: count, classification: public, customProperties: [{property: penstock.personalData, value: personal},"
        " {property: penstock.subject, value: doctor}]}",
    )
    (found,) = errors(ecosystem.examine())
    assert "holds data of several data subjects, and is encrypted as one" in found.message


def test_findings_come_in_the_order_of_files_and_lines(ecosystem) -> None:
    ecosystem.edit(AGREEMENT, "recipient: lab", "recipient: lob")
    ecosystem.edit(AGREEMENT, "retention: month", "retention: week")
    ecosystem.edit(CONNECTORS, "kind: file", "kind: fyle")
    found = errors(ecosystem.examine())
    assert [(one.file, one.line) for one in found] == sorted((one.file, one.line) for one in found)
    assert len(found) == 3


def test_what_can_be_read_is_checked_beside_what_cannot(ecosystem) -> None:
    ecosystem.edit(AGREEMENT, "retention: month", "retention: week")
    ecosystem.edit(SCENARIO, "given:", "givn:")
    said = {(one.file, one.key) for one in errors(ecosystem.examine())}
    assert said == {(AGREEMENT, "retention"), (SCENARIO, "given"), (SCENARIO, "givn")}


def test_an_agreement_on_a_broken_contract_is_not_blamed_for_it(ecosystem) -> None:
    ecosystem.edit(CONTRACT, "kind: DataContract", "kind: Contract")
    assert [one.file for one in errors(ecosystem.examine())] == [CONTRACT]


def test_findings_hold_no_value_of_a_scenarios_person(ecosystem) -> None:
    ecosystem.edit(SCENARIO, "born: 1980-05-02}", "born: 1980-05-02, secret: Zyzzyva}")
    ecosystem.edit(SCENARIO, "    minutes: 34", "    minuts: Zyzzyva")
    assert "Zyzzyva" not in "".join(str(one) for one in ecosystem.examine())


def test_check_finds_the_same_in_loaded_documents(ecosystem) -> None:
    ecosystem.edit(AGREEMENT, "recipient: lab", "recipient: state")
    loaded: list[Finding] = check(ecosystem.load(), 1_780_315_200_000)
    assert loaded == ecosystem.examine()
