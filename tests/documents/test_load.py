"""Loading, clause by clause: what cannot be read is named by file, line, key and remedy, all of it at once."""

import itertools
from dataclasses import dataclass

import pytest

from penstock.ops.documents.load import connectors_of, ecosystem_of, load
from penstock.schemas.canonical import canonical
from penstock.schemas.errors import DocumentError
from penstock.schemas.generation import agreement_record, contract_record
from penstock.schemas.json_schemas import json_schemas
from penstock.schemas.problem import Level, ProblemsError
from penstock.schemas.validation import _PATTERNS
from penstock.schemas.yaml_lines import read_yaml

AGREEMENT = "agreements/visits-lab.yaml"
CONTRACT = "contracts/visits.odcs.yaml"
AVSC = "contracts/visits.avsc"
ECOSYSTEM = "ecosystem.yaml"
SCENARIO = "scenarios/long-visit.yaml"
SECOND_SUBJECT = """        customProperties:
          - property: penstock.personalData
            value: personal
          - property: penstock.subject"""
NOISE = "minutes: {do: generalise, to: bucket, size: 10}"


@dataclass(frozen=True)
class Clause:
    """In `file`, `old` becomes `new`; then loading says `said` (without place) at the line of `at`, else of `new`."""

    name: str
    file: str
    old: str
    new: str
    said: str
    at: str = ""


def noise(name: str, numbers: str, said: str) -> Clause:
    new = f"minutes: {{do: noise, {numbers}}}"
    return Clause(name, AGREEMENT, NOISE, new, f"fields.minutes.{said}")


YAML = [
    Clause(
        "malformed YAML",
        AGREEMENT,
        "places: [EE, NO]",
        "places: [EE, NO",
        "not YAML: expected ',' or ']'",
        "processing:",
    ),
    Clause(
        "tab", AGREEMENT, "  place: NO", "\tplace: NO", "not YAML: a tab where spaces are wanted - indent with spaces"
    ),
    Clause(
        "duplicate key", AGREEMENT, "major: 1", "id: other", "id: written twice (first in line 2) - keep one of the two"
    ),
    Clause("alias", AGREEMENT, "title: Visits for research", "title: &t x\nscope: *t", "scope: an alias", "scope: *t"),
    Clause("tag", AGREEMENT, "major: 1", "major: !!int 1", "major: a YAML tag - write the value without a tag"),
    Clause("two documents", AGREEMENT, "major: 1", "---\nmajor: 1", "holds two documents - one document a file"),
    Clause(
        "control character",
        AGREEMENT,
        "major: 1",
        "major: \a1",
        "holds a character that YAML does not allow",
        "version",
    ),
]

KEYS = [
    Clause(
        "unknown key", AGREEMENT, "purpose:", "porpose:", "porpose: unknown key 'porpose' - did you mean 'purpose'?"
    ),
    Clause("missing key", AGREEMENT, "liability: Each its own.\n", "", "liability: is missing - add it", "version"),
    Clause(
        "unknown key of a safeguard",
        AGREEMENT,
        "price: {do: pass}",
        "price: {do: pass, raeson: x}",
        "fields.price.raeson: unknown key 'raeson' - did you mean 'reason'?",
    ),
    Clause(
        "unknown safeguard",
        AGREEMENT,
        "price: {do: pass}",
        "price: {do: encrpyt}",
        "fields.price: must be 'pass', 'omit', 'mask', 'generalise', 'pseudonymise', 'encrypt', 'noise'"
        " - did you mean 'encrypt'?",
    ),
    Clause("safeguard that says nothing", AGREEMENT, "price: {do: pass}", "price: {reason: x}", "does not say 'do' - "),
    Clause("text for a mapping", AGREEMENT, "price: {do: pass}", "price: pass", "fields.price: must be a mapping"),
    Clause("text for a list", AGREEMENT, "places: [EE, NO]", "places: EE", "places: must be a list"),
    Clause("empty list", AGREEMENT, "places: [EE, NO]", "places: []", "places: has too few items - add one"),
    Clause("country in small letters", AGREEMENT, "[EE, NO]", "[EE, no]", "places[1]: must be a country code"),
    Clause("id in capitals", AGREEMENT, "recipient: lab", "recipient: Lab", "recipient: must be an id"),
    Clause("number in quotes", AGREEMENT, "major: 1", 'major: "1"', "major: must be a whole number"),
    Clause("yes for a version", AGREEMENT, "version: 1", "version: yes", "version: must be 1"),
    Clause(
        "instant without a zone",
        AGREEMENT,
        "2026-01-01T00:00:00Z",
        "2026-01-01T00:00:00",
        "valid.from: must name its time zone",
    ),
    Clause("date for an instant", AGREEMENT, "2026-01-01T00:00:00Z", "soon", "valid.from: must be an instant"),
    Clause("unknown word", AGREEMENT, "consent: not-required", "consent: non-required", "did you mean 'not-required'?"),
    Clause("file called otherwise", AGREEMENT, "id: visits-lab", "id: visits", "id: is not what the file is called"),
    Clause(
        "duration that is none", "charter.yaml", "P30D", "30 days", "an ISO 8601 duration such as P90D, P1Y or PT12H"
    ),
    Clause(
        "public key that is none",
        "charter.yaml",
        "name: City",
        "name: City\n    public_key: rsa",
        "must be 'ed25519:'",
        "public_key",
    ),
    Clause(
        "path outside",
        "connectors.yaml",
        "inbox/visits",
        "../visits",
        "must be a path inside the ecosystem's directory",
    ),
]

NOISES = [
    noise("epsilon zero", "epsilon: 0, sensitivity: 1, clamp: [0, 9]", "epsilon: must be greater than 0"),
    noise("epsilon negative", "epsilon: -1, sensitivity: 1, clamp: [0, 9]", "epsilon: must be greater than 0"),
    noise("epsilon NaN", "epsilon: .nan, sensitivity: 1, clamp: [0, 9]", "epsilon: must be a finite number"),
    noise("epsilon infinite", "epsilon: .inf, sensitivity: 1, clamp: [0, 9]", "epsilon: must be a finite number"),
    noise("epsilon overflowing", "epsilon: 1e999, sensitivity: 1, clamp: [0, 9]", "epsilon: must be a finite number"),
    noise("epsilon as text", "epsilon: '1', sensitivity: 1, clamp: [0, 9]", "epsilon: must be a number"),
    noise("epsilon missing", "sensitivity: 1, clamp: [0, 9]", "epsilon: is missing"),
    noise("sensitivity zero", "epsilon: 1, sensitivity: 0, clamp: [0, 9]", "sensitivity: must be greater than 0"),
    noise("clamp of one number", "epsilon: 1, sensitivity: 1, clamp: [0]", "clamp[1]: is missing"),
    noise("clamp of three numbers", "epsilon: 1, sensitivity: 1, clamp: [0, 1, 2]", "clamp: has too many items"),
    noise("step zero", "epsilon: 1, sensitivity: 1, clamp: [0, 9], step: 0", "step: must be greater than 0"),
]

ECOSYSTEMS = [
    Clause(
        "unknown word for a cluster", ECOSYSTEM, "cluster: embedded", "cluster: embeded", "did you mean 'embedded'?"
    ),
    Clause(
        "cluster without a port",
        ECOSYSTEM,
        "cluster: embedded",
        "cluster: {bootstrap: kafka}",
        "cluster.bootstrap: must be host:port",
    ),
    Clause(
        "password in a document",
        ECOSYSTEM,
        "cluster: embedded",
        "cluster: {bootstrap: 'k:1', security: {protocol: SASL_SSL, password: hunter2}}",
        "cluster.security.password: unknown key 'password' - did you mean 'password_env'?",
    ),
    Clause(
        "SASL without a name",
        ECOSYSTEM,
        "cluster: embedded",
        "cluster: {bootstrap: 'k:1', security: {protocol: SASL_SSL}}",
        "cluster.security: a SASL protocol needs mechanism, username_env and password_env",
    ),
    Clause(
        "registry with a password",
        ECOSYSTEM,
        "registry: built-in",
        "registry: {url: 'https://me:hunter2@registry.example'}",
        "registry.url: must be an http or https address - without user name or password in it",
    ),
]

SCENARIOS = [
    Clause(
        "withheld without a reason",
        SCENARIO,
        "outcome: released",
        "outcome: withheld",
        "then: a withheld outcome needs its reason",
        "then:",
    ),
    Clause(
        "unknown reason",
        SCENARIO,
        "outcome: released",
        "outcome: withheld\n  reason: concent",
        "then.reason: must be",
        "reason: concent",
    ),
    Clause(
        "released for a reason",
        SCENARIO,
        "outcome: released",
        "outcome: released\n  reason: consent",
        "then: a released outcome has no reason",
        "then:",
    ),
]

CONTRACTS = [
    Clause(
        "contract without an event id",
        CONTRACT,
        "  - {property: penstock.eventId, value: visit_id}\n",
        "",
        "the contract names no event id",
        "customProperties:\n",
    ),
    Clause(
        "contract without an event time",
        CONTRACT,
        "  - {property: penstock.eventTime, value: at}\n",
        "",
        "the contract names no event time",
        "customProperties:\n",
    ),
    Clause(
        "event id that is no field",
        CONTRACT,
        "value: visit_id}",
        "value: visit}",
        "the event id `visit` is no field of the Avro schema - did you mean 'visit_id'?",
    ),
    Clause(
        "event id below another field",
        CONTRACT,
        "eventId, value: visit_id",
        "eventId, value: person.ref",
        "the event id `person.ref` must stand in the record itself",
    ),
    Clause(
        "event id of another type",
        CONTRACT,
        "eventId, value: visit_id",
        "eventId, value: weight",
        "the event id `weight` must be a string, a uuid, an int or a long",
    ),
    Clause(
        "event id that is a date",
        CONTRACT,
        "eventId, value: visit_id",
        "eventId, value: at",
        "the event id `at` must be a string",
    ),
    Clause(
        "event time of another type",
        CONTRACT,
        "eventTime, value: at",
        "eventTime, value: minutes",
        "the event time `minutes` must be a long timestamp-millis",
    ),
    Clause(
        "record key with many values",
        CONTRACT,
        "recordKey, value: person.ref",
        "recordKey, value: 'codes[]'",
        "the record key `codes[]` has many values",
    ),
    Clause(
        "data subject that is no field",
        CONTRACT,
        "dataSubject, value: person.ref",
        "dataSubject, value: person.id",
        "the data subject `person.id` is no field",
    ),
    Clause(
        "subject of a field that is none",
        CONTRACT,
        "value: doctor",
        "value: nurse",
        "the subject `nurse` is no field",
        SECOND_SUBJECT,
    ),
    Clause(
        "partitions zero",
        CONTRACT,
        "penstock.partitions, value: 3",
        "penstock.partitions, value: 0",
        "penstock.partitions is not fit - write a whole number from 1 to 1000",
    ),
    Clause(
        "partitions as text",
        CONTRACT,
        "penstock.partitions, value: 3",
        "penstock.partitions, value: many",
        "penstock.partitions is not fit",
    ),
    Clause(
        "unknown custom property",
        CONTRACT,
        "penstock.retention",
        "penstock.retension",
        "unknown custom property 'penstock.retension' - did you mean 'penstock.retention'?",
    ),
    Clause(
        "unknown classification",
        CONTRACT,
        "{name: price, classification: internal",
        "{name: price, classification: intern",
        "classification: unknown word - did you mean 'internal'?",
    ),
    Clause(
        "unknown category",
        CONTRACT,
        "value: national-id",
        "value: nationalid",
        "unknown word - did you mean 'national-id'?",
    ),
    Clause(
        "unknown ODCS key",
        CONTRACT,
        "status: active",
        "staus: active",
        "staus: unknown key 'staus' - did you mean 'status'?",
    ),
    Clause(
        "unknown key of a property",
        CONTRACT,
        "{name: price, classification",
        "{name: price, clasification",
        "unknown key 'clasification' - did you mean 'classification'?",
    ),
    Clause(
        "field that Avro lacks",
        CONTRACT,
        "{name: price,",
        "{name: prize,",
        "the Avro schema has no field `prize` - remove it here, or add it there",
    ),
    Clause(
        "nested field that Avro lacks",
        CONTRACT,
        "{name: born,",
        "{name: birth,",
        "the Avro schema has no field `person.birth`",
    ),
    Clause(
        "field described twice",
        CONTRACT,
        "{name: price,",
        "{name: weight,",
        "`weight` is described twice",
        "{name: weight, classification: internal",
    ),
    Clause(
        "items of what is no array",
        CONTRACT,
        "{name: price, classification: internal,",
        "{name: price, items: {classification: public}, classification: internal,",
        "`price` has items, and is neither array nor map",
    ),
    Clause("another standard", CONTRACT, "kind: DataContract", "kind: Contract", "kind: must be DataContract"),
    Clause("an older standard", CONTRACT, "apiVersion: v3.1.0", "apiVersion: v2.2.2", "apiVersion: must be v3.1.0"),
    Clause(
        "version as a number", CONTRACT, "version: 1.2.0", "version: 1.2", "version: must be text - put it in quotes"
    ),
    Clause("version zero", CONTRACT, "version: 1.2.0", "version: 0.2.0", "version: must be major.minor.patch"),
    Clause("schema file missing", CONTRACT, "value: visits.avsc", "value: visit.avsc", "there is no file visit.avsc"),
    Clause(
        "schema file elsewhere",
        CONTRACT,
        "value: visits.avsc",
        "value: ../visits.avsc",
        "must be a file beside the contract",
    ),
    Clause(
        "Avro schema that is no JSON",
        AVSC,
        '"name": "Visit",',
        '"name": "Visit"',
        "not JSON: Expecting ',' delimiter",
        '"namespace"',
    ),
    Clause(
        "Avro schema with a key twice",
        AVSC,
        '"name": "Visit",',
        '"name": "Visit", "name": "V",',
        "written twice in one object",
        "{",
    ),
    Clause(
        "Avro schema of no type",
        AVSC,
        '"name": "minutes", "type": "int"',
        '"name": "minutes", "type": "integer"',
        "type `test.integer` is not defined",
        "{",
    ),
    Clause(
        "type that contains itself",
        AVSC,
        '"name": "minutes", "type": "int"',
        '"name": "minutes", "type": ["null", "Visit"]',
        "type `test.Visit` contains itself",
        "{",
    ),
    Clause(
        "type that contains itself inside a union",
        AVSC,
        '"name": "minutes", "type": "int"',
        '"name": "minutes", "type": ["int", "string", "Visit"]',
        "minutes: type `test.Visit` contains itself",
        "{",
    ),
    Clause(
        "array whose items take no bytes",
        AVSC,
        '"name": "codes", "type": {"type": "array", "items": "string"}',
        '"name": "codes", "type": {"type": "array", "items": {"type": "record", "name": "Nothing", "fields": []}}',
        "codes: the items of this array take no bytes",
        "{",
    ),
    Clause(
        "array of nulls",
        AVSC,
        '"name": "codes", "type": {"type": "array", "items": "string"}',
        '"name": "codes", "type": {"type": "array", "items": "null"}',
        "codes: the items of this array take no bytes",
        "{",
    ),
]

MORE = [
    Clause("key that is no text", AGREEMENT, "retention: month", "[a]: month", "a key that is no text"),
    Clause(
        "names without SASL",
        ECOSYSTEM,
        "cluster: embedded",
        "cluster: {bootstrap: 'k:1', security: {protocol: SSL, username_env: A}}",
        "cluster.security: mechanism, username_env and password_env need the protocol SASL_SSL or SASL_PLAINTEXT",
    ),
    Clause(
        "files without TLS",
        ECOSYSTEM,
        "cluster: embedded",
        "cluster: {bootstrap: 'k:1', security: {ca_file: ca.pem}}",
        "cluster.security: ca_file, certificate_file and key_file need the protocol SSL or SASL_SSL",
    ),
    Clause(
        "certificate without its key",
        ECOSYSTEM,
        "cluster: embedded",
        "cluster: {bootstrap: 'k:1', security: {protocol: SSL, certificate_file: c.pem}}",
        "cluster.security: certificate_file and key_file go together",
    ),
    Clause(
        "secret in the place of a variable's name",
        ECOSYSTEM,
        "registry: built-in",
        "registry: built-in\nstore: {url_env: 'postgresql://me:hunter2@db/x'}",
        "store.url_env: must be the name of an environment variable",
        "store:",
    ),
    Clause(
        "withheld with fields",
        SCENARIO,
        "outcome: released",
        "outcome: withheld\n  reason: consent",
        "then: a withheld outcome has no fields",
        "then:",
    ),
    Clause("contract id in capitals", CONTRACT, "id: visits\n", "id: Visits\n", "id: must be an id"),
    Clause(
        "contract of two objects",
        CONTRACT,
        "  - name: Visit\n",
        "  - name: Other\n  - name: Visit\n",
        "schema: must hold one object",
        "schema:",
    ),
    Clause("property without a name", CONTRACT, "{name: price,", "{id: price,", "properties[7].name: is missing"),
    Clause(
        "custom property written twice",
        CONTRACT,
        "penstock.retention, value: year}",
        "penstock.retention, value: year}\n  - {property: penstock.retention, value: month}",
        "penstock.retention is written twice",
        "  - {property: penstock.retention, value: month}",
    ),
    Clause("subject that is no path", CONTRACT, "value: doctor", "value: 8", "must be a field path"),
    Clause(
        "subject with many values",
        CONTRACT,
        "value: doctor",
        "value: codes[]",
        "the subject `codes[]` has many values",
        SECOND_SUBJECT,
    ),
    Clause(
        "event time with many values",
        CONTRACT,
        "eventTime, value: at",
        "eventTime, value: 'codes[]'",
        "the event time `codes[]` has many values",
    ),
    Clause(
        "event id that may be null",
        AVSC,
        '"name": "visit_id", "type": {"type": "string", "logicalType": "uuid"}',
        '"name": "visit_id", "type": ["null", "string"]',
        "the event id `visit_id` may be null: every event needs one",
    ),
    Clause(
        "event time that may be null",
        AVSC,
        '"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}',
        '"name": "at", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}]',
        "the event time `at` may be null: every event needs one",
    ),
    Clause(
        "no Avro schema named",
        CONTRACT,
        "  - {property: penstock.avroSchema, value: visits.avsc}\n",
        "",
        "the contract names no Avro schema",
        "customProperties:\n",
    ),
]

# What is wrong with a role of a field stands in the contract, although the schema was changed.
IN_CONTRACT = {"event id that may be null": "eventId", "event time that may be null": "eventTime"}

CLAUSES = [*MORE, *YAML, *KEYS, *NOISES, *ECOSYSTEMS, *SCENARIOS, *CONTRACTS]


@pytest.mark.parametrize("clause", CLAUSES, ids=lambda clause: clause.name)
def test_clause(ecosystem, clause: Clause) -> None:
    ecosystem.edit(clause.file, clause.old, clause.new)
    with pytest.raises(ProblemsError) as caught:
        load(ecosystem.root)
    file, at = clause.file, clause.at or clause.new
    if clause.name in IN_CONTRACT:
        file, at = CONTRACT, IN_CONTRACT[clause.name]
    text = (ecosystem.root / file).read_text(encoding="utf-8")
    line = text[: text.index(at)].count("\n") + 1
    matching = [said for said in str(caught.value).splitlines() if clause.said in said]
    assert matching, str(caught.value)
    assert matching[0].startswith(f"{file}:{line}: ")
    assert "hunter2" not in str(caught.value)


def test_clauses_have_different_names() -> None:
    assert len({clause.name for clause in CLAUSES}) == len(CLAUSES)


def test_every_problem_of_all_documents_is_reported_at_once(ecosystem) -> None:
    ecosystem.edit(AGREEMENT, "purpose:", "porpose:")
    ecosystem.edit(AGREEMENT, "price: {do: pass}", "price: {do: pas}")
    ecosystem.edit("charter.yaml", "country: FI", "country: Finland")
    ecosystem.edit(CONTRACT, "{name: price,", "{name: prize,")
    ecosystem.edit("connectors.yaml", "kind: file", "knid: file")
    with pytest.raises(DocumentError) as caught:
        load(ecosystem.root)
    places = [(problem.file, problem.line, problem.key) for problem in caught.value.problems]
    assert places == [
        (AGREEMENT, 1, "purpose"),
        (AGREEMENT, 8, "porpose"),
        (AGREEMENT, 30, "fields.price"),
        ("charter.yaml", 11, "members[1].country"),
        ("connectors.yaml", 3, "sources[0].kind"),
        ("connectors.yaml", 4, "sources[0].knid"),
        (CONTRACT, 48, "schema[0].properties[7].name"),
    ]
    assert len(str(caught.value).splitlines()) == len(places)


def test_a_problem_names_file_line_key_message_and_remedy(ecosystem) -> None:
    ecosystem.edit(AGREEMENT, "retention: month", "retension: month")
    with pytest.raises(DocumentError) as caught:
        load(ecosystem.root)
    assert (
        "agreements/visits-lab.yaml:36: retension: unknown key 'retension' - did you mean 'retention'?"
        in str(caught.value).splitlines()
    )


@pytest.mark.parametrize("file", ["ecosystem.yaml", "charter.yaml"])
def test_a_missing_document_is_named(ecosystem, file: str) -> None:
    (ecosystem.root / file).unlink()
    with pytest.raises(DocumentError, match=rf"^{file}:1: is missing"):
        load(ecosystem.root)


def test_a_missing_directory_is_named(tmp_path) -> None:
    with pytest.raises(DocumentError, match="there is no such directory - penstock init makes a new ecosystem"):
        load(tmp_path / "nothing")


@pytest.mark.parametrize(
    "file", ["agreements/more.yml", "agreements/more.txt", "contracts/more.yaml", "scenarios/a.json"]
)
def test_a_file_that_is_no_document_is_not_silently_left_out(ecosystem, file: str) -> None:
    ecosystem.write(file, "x")
    with pytest.raises(DocumentError, match=f"^{file}:1: not a document of this folder"):
        load(ecosystem.root)


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        (b'"string"', "the top of the schema is not a record"),
        (b'{"type": "record", "name": "Visit", "fields": []}', "the schema has no field"),
        (b'{"a": "\xff"}', "not JSON in UTF-8, or nested too deep"),
        (b"[" * 100_000, "not JSON in UTF-8, or nested too deep"),
        (b"7", "not a valid Avro schema"),
    ],
    ids=["no record", "no field", "no UTF-8", "endless", "a number"],
)
def test_an_avro_schema_that_is_none(ecosystem, schema: bytes, said: str) -> None:
    (ecosystem.root / AVSC).write_bytes(schema)
    with pytest.raises(DocumentError) as caught:
        load(ecosystem.root)
    assert str(caught.value).startswith(f"{AVSC}:1: {said}")


def test_a_running_role_reads_the_one_document_that_it_needs(ecosystem) -> None:
    """A contract in the making must not stop what runs."""
    ecosystem.write(CONTRACT, "not: [a contract")
    assert ecosystem_of(ecosystem.root).id == "base"
    assert [source.id for source in connectors_of(ecosystem.root).sources] == ["visits"]
    (ecosystem.root / "connectors.yaml").unlink()
    assert connectors_of(ecosystem.root).sources == ()
    ecosystem.edit(ECOSYSTEM, "version: 1", "version: 2")
    with pytest.raises(ProblemsError, match=r"^ecosystem\.yaml:1: version: must be 1"):
        ecosystem_of(ecosystem.root)


def test_connectors_and_scenarios_may_be_left_out(ecosystem) -> None:
    (ecosystem.root / "connectors.yaml").unlink()
    (ecosystem.root / SCENARIO).unlink()
    assert not [one for one in ecosystem.examine() if one.level is Level.ERROR]


def test_notes_and_hidden_files_may_lie_beside_documents(ecosystem) -> None:
    ecosystem.write("agreements/README.md", "x")
    ecosystem.write("contracts/.draft.yaml", "x")
    assert set(load(ecosystem.root).agreements) == {"visits-lab"}


def test_signatures_without_their_agreement_are_a_problem(ecosystem) -> None:
    ecosystem.write("agreements/gone.signatures.yaml", f"version: 1\ndigest: {'0' * 64}\nsignatures: {{}}\n")
    with pytest.raises(DocumentError, match=r"gone\.signatures\.yaml:1: signatures of an agreement that is not here"):
        load(ecosystem.root)


def test_a_document_that_is_not_utf8_is_named_by_its_line(ecosystem) -> None:
    path = ecosystem.root / AGREEMENT
    path.write_bytes(path.read_bytes().replace(b"title: Visits", b"title: Vis\xefts"))
    with pytest.raises(DocumentError, match=f"^{AGREEMENT}:3: not UTF-8 - save the file as UTF-8"):
        load(ecosystem.root)


def test_a_huge_document_is_refused(ecosystem) -> None:
    ecosystem.write("agreements/huge.yaml", "#" * ((1 << 20) + 1))
    with pytest.raises(DocumentError, match=r"huge\.yaml:1: cannot be read: it is larger than 1,048,576 bytes"):
        load(ecosystem.root)


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "~", "null", "!", "---\n"])
@pytest.mark.parametrize("file", [AGREEMENT, CONTRACT, ECOSYSTEM, SCENARIO])
def test_a_document_that_says_nothing_is_named_and_not_left_out(ecosystem, file: str, text: str) -> None:
    ecosystem.write(file, text)
    with pytest.raises(DocumentError, match=f"^{file}:1: empty"):
        load(ecosystem.root)


def test_norway_is_no_boolean_and_a_date_stays_text() -> None:
    found = read_yaml(b"a: NO\nb: 2026-01-01\nc: 12:30\nd: 0123\ne: true\nf: ~\ng: 1e3\nh: 'true'\n", "x")
    assert found.value == {
        "a": "NO", "b": "2026-01-01", "c": "12:30", "d": 123, "e": True, "f": None, "g": 1000.0, "h": "true",
    }  # fmt: skip


def test_a_whole_number_beyond_64_bits_is_refused() -> None:
    found = read_yaml(b"a: 99999999999999999999\n", "x")
    assert [str(problem) for problem in found.problems] == [
        "x:1: a: a whole number beyond 64 bits - put it in quotes if it is an identifier"
    ]


@pytest.mark.parametrize("text", ["[" * 5000, "{a: " * 5000])
def test_endless_nesting_is_a_problem_and_no_crash(text: str) -> None:
    assert read_yaml(text.encode(), "x").problems[0].message == "nested too deep"


def test_an_alias_bomb_is_refused_at_its_first_alias() -> None:
    names = "abcdefghijklmnopqrst"
    bomb = "a: &a [x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in itertools.pairwise(names))
    found = read_yaml(bomb.encode(), "x")
    assert found.problems[0].line == 2
    assert found.problems[0].message == "an alias"


def test_what_somebody_wrote_is_never_in_a_message(ecosystem) -> None:
    """A scenario's event may be a real one by mistake."""
    ecosystem.edit(SCENARIO, "at: 2026-06-01T12:00:00Z", "at: 38001010000")
    ecosystem.edit(SCENARIO, "outcome: released", "outcome: 38001010000")
    ecosystem.edit(AGREEMENT, "retention: month", "retention: 38001010000 A")
    with pytest.raises(DocumentError) as caught:
        load(ecosystem.root)
    assert len(str(caught.value).splitlines()) >= 3
    assert "38001010000" not in str(caught.value)


def test_raw_is_the_canonical_json_that_digests_are_made_of(ecosystem) -> None:
    documents = load(ecosystem.root)
    assert documents.raw["agreements/visits-lab"] == canonical(agreement_record(documents.agreements["visits-lab"]))
    assert documents.raw["contracts/visits"] == canonical(contract_record(documents.contracts["visits"]))
    assert set(documents.raw) == set(documents.sources)


def test_whole_numbers_are_written_without_a_fraction(ecosystem) -> None:
    """RFC 8785 writes 1, and Python's float would write 1.0: another implementation must get the same digest."""
    ecosystem.edit(AGREEMENT, NOISE, "minutes: {do: noise, epsilon: 1, sensitivity: 0.5, clamp: [0, 60]}")
    raw = load(ecosystem.root).raw["agreements/visits-lab"]
    assert b'"minutes":{"clamp":[0,60],"do":"noise","epsilon":1,"sensitivity":0.5}' in raw


def test_layout_and_comments_do_not_change_the_digest(ecosystem) -> None:
    before = load(ecosystem.root).raw["agreements/visits-lab"]
    ecosystem.edit(AGREEMENT, "places: [EE, NO]", "# where\nplaces:\n  - EE\n  - 'NO'")
    assert load(ecosystem.root).raw["agreements/visits-lab"] == before


def test_every_pattern_of_a_document_has_words_for_people() -> None:
    assert _patterns(json_schemas()) <= set(_PATTERNS)


def _patterns(schema: object) -> set[str]:
    if isinstance(schema, dict):
        own = {schema["pattern"]} if isinstance(schema.get("pattern"), str) else set()
        return own.union(*map(_patterns, schema.values()))
    return set().union(*map(_patterns, schema)) if isinstance(schema, list) else set()
