"""Bad input, clause by clause, on real Kafka: it is refused in words or put in quarantine, and the next event arrives.

Each test feeds the one running ecosystem of this folder something bad, looks at what is said or recorded about it,
and waits for the next good event with a stock consumer. The last one searches everything that was written anywhere
for the values that were planted in what was bad.
"""

import hashlib
import itertools
import json
import re
import sqlite3
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from claims import AMOUNT, COLUMNS, PLANTED, Claim, container, encoded, line, lines, physical, table
from claims_plant import COUNTS, DATASET, FILES, LARGE, PARTNERS, TOPIC, Plant
from confluent_kafka import Consumer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from penstock.ops.cli.app import main
from penstock.ops.health import ask
from penstock.ops.recipient import View, open_view
from penstock.schemas.confluent_wire import frame
from penstock.schemas.errors import KeyUnavailableError, UnavailableError
from penstock.schemas.limits import MAX_RECORD_BYTES
from penstock.streams.topics import AUDIT, CONSENTS, SOURCES

pytestmark = pytest.mark.broker

AGREEMENT = "agreements/claims-counts.yaml"
CONTRACT = "contracts/benefit-claims.odcs.yaml"
MEGABYTES = 20 << 20
UNKNOWN_IDS = itertools.count(999_999)

CLAUSES = (
    "malformed YAML",
    "unknown key",
    "unknown purpose",
    "an agreement that names an absent field",
    "an agreement that leaves one without a safeguard",
    "pass on a national id",
    "a contract that names no event id",
    "an event without it",
    "the same id twice in a file",
    "CSV with wrong columns",
    "invalid UTF-8",
    "a 20 MB record",
    "growth by encryption past the topic's limit",
    "an Avro value with a lying length",
    "an unknown schema id",
    "registry unreachable",
    "garbage written to a provider topic past the publisher",
    "wrong token",
    "missing key",
    "predicate that errors",
    "epsilon zero",
    "epsilon negative",
    "epsilon NaN",
)
"""What the issue asks for. The id of each test begins with one of them; `test_every_clause_is_here` sees to it."""


def clauses(found: Sequence[Any]) -> Any:
    return pytest.mark.parametrize("clause", [pytest.param(one, id=one.name) for one in found])


# Documents: `apply` refuses, and what was in force goes on.


@dataclass(frozen=True)
class Document:
    """In `file`, `old` becomes `new`; then `apply` says `said` about `key` at the line of `at`, else of `new`."""

    name: str
    file: str
    old: str
    new: str
    key: str
    said: str
    at: str = ""


def epsilon(name: str, written: str, said: str) -> Document:
    return Document(f"epsilon {name}", AGREEMENT, "epsilon: 1", f"epsilon: {written}", "fields.amount.epsilon: ", said)


DOCUMENTS = [
    Document(
        "malformed YAML", AGREEMENT, "places: [EE]", "places: [EE", "", "not YAML: expected ',' or ']'", "processing:"
    ),
    Document(
        "unknown key", AGREEMENT, "purpose:", "porpose:", "porpose: ", "unknown key 'porpose' - did you mean 'purpose'?"
    ),
    Document(
        "unknown purpose",
        AGREEMENT,
        "#LegalCompliance",
        "#Marketing",
        "purpose: ",
        "unknown purpose https://w3id.org/dpv#Marketing: the charter does not permit it - "
        "did you mean 'https://w3id.org/dpv#LegalCompliance'?",
    ),
    Document(
        "an agreement that names an absent field",
        AGREEMENT,
        "  note: {do: omit}",
        "  note: {do: omit}\n  nota: {do: omit}",
        "fields.nota: ",
        "`nota` is no field of 'benefit-claims' - did you mean 'note'?",
        "nota:",
    ),
    Document(
        "an agreement that leaves one without a safeguard",
        AGREEMENT,
        "  note: {do: omit}\n",
        "",
        "fields: ",
        "`note` has no safeguard - add a line for it below fields, such as note: {do: omit}",
        "fields:",
    ),
    Document(
        "pass on a national id",
        AGREEMENT,
        "claimant: {do: omit}",
        "claimant: {do: pass, reason: they asked}",
        "fields.claimant: ",
        "`claimant` is national-id data and may not pass - protect it, or omit it",
    ),
    Document(
        "a contract that names no event id",
        CONTRACT,
        "  - {property: penstock.eventId, value: claim_id}\n",
        "",
        "customProperties.penstock.eventId: ",
        "the contract names no event id - add the custom property penstock.eventId: "
        "the field whose value no two events share",
        "customProperties:",
    ),
    epsilon("zero", "0", "must be greater than 0"),
    epsilon("negative", "-1", "must be greater than 0"),
    epsilon("NaN", ".nan", "must be a finite number - write a number: .nan and .inf are none"),
    epsilon("NaN, as text", '"NaN"', "must be a number - write a number, without quotes"),
    epsilon("infinite", ".inf", "must be a finite number"),
]


@clauses(DOCUMENTS)
def test_document(clause: Document, plant: Plant, penstock: Callable[..., tuple[int, str]]) -> None:
    before = plant.generations()
    path = plant.root / clause.file
    text = path.read_text()
    assert text.count(clause.old) == 1
    path.write_text(text.replace(clause.old, clause.new))
    try:
        at = next(n for n, one in enumerate(path.read_text().splitlines(), 1) if (clause.at or clause.new) in one)
        code, said = penstock("apply", str(plant.root))
        assert code == 2
        assert f"{clause.file}:{at}: {clause.key}{clause.said}" in said
        assert " - " in said
        plant.goes_on()
    finally:
        path.write_text(text)
    assert plant.generations() == before


@pytest.fixture
def penstock(
    plant: Plant, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str]]:
    """The command line: `penstock(word, …)` gives (exit code, everything it said)."""

    def run(*words: str, **environment: str) -> tuple[int, str]:
        with monkeypatch.context() as patch:
            patch.setattr("sys.argv", ["penstock", *words])
            for name, value in environment.items():
                patch.setenv(name, value)
            with pytest.raises(SystemExit) as ended:
                main()
        captured = capsys.readouterr()
        plant.said += [captured.err]
        code = ended.value.code
        return code if isinstance(code, int) else 0, captured.out + captured.err

    return run


# Files: the row is refused at the publisher's door, and its neighbours go on.


@dataclass(frozen=True)
class Refusal:
    """A row (or record) that goes to quarantine. `original`: None when only digest and size are kept there."""

    place: str
    reason: str
    detail: str
    original: bytes | None = field(repr=False)
    whole: bytes = field(repr=False, default=b"")
    schema_id: int | None = None


@dataclass(frozen=True)
class File:
    """Makes a file that holds something bad and one good claim."""

    name: str
    make: Callable[[Plant, Claim], tuple[bytes, list[Refusal]]]
    suffix: str = "ndjson"
    failed: bool = False


def read_back(one: Claim) -> bytes:
    """What quarantine keeps of a row that could be read: its value as JSON."""
    return line(one).strip()


def without_id(plant: Plant, good: Claim) -> tuple[bytes, list[Refusal]]:
    bad = [plant.claim() for _ in range(3)]
    del bad[0]["claim_id"]
    bad[1]["claim_id"] = ""
    bad[2]["claim_id"] = None
    refused = [
        Refusal(f"row {row}", "event_id", "`claim_id` is missing or empty", read_back(one))
        for row, one in enumerate(bad, 1)
    ]
    return lines(*bad, good), refused


def empty_id_in_csv(plant: Plant, good: Claim) -> tuple[bytes, list[Refusal]]:
    bad = plant.claim(claim_id="")
    kept = read_back({name: str(value) for name, value in bad.items()})
    return table(bad, good), [Refusal("row 1", "event_id", "`claim_id` is missing or empty", kept)]


def same_id_twice(plant: Plant, good: Claim) -> tuple[bytes, list[Refusal]]:
    bad = plant.claim(claim_id=good["claim_id"])
    detail = "the event id appeared before in the same file"
    return lines(good, bad), [Refusal("row 2", "duplicate", detail, read_back(bad))]


def header_of_others(plant: Plant, good: Claim) -> tuple[bytes, list[Refusal]]:
    """One column is unknown, and its name must not be quoted. No row of the file can be an event."""
    columns = (*COLUMNS[:-1], f"{PLANTED}-column")
    plant.drop(lines(good))
    detail = "the header has 1 that the contract does not know"
    return table(plant.claim(), columns=columns), [Refusal("line 1", "columns", detail, ",".join(columns).encode())]


def header_lacking_one(plant: Plant, good: Claim) -> tuple[bytes, list[Refusal]]:
    columns = tuple(name for name in COLUMNS if name != "amount")
    plant.drop(lines(good))
    refused = Refusal("line 1", "columns", "the header lacks amount", ",".join(columns).encode())
    return table(plant.claim(), columns=columns), [refused]


def unknown_key(plant: Plant, good: Claim) -> tuple[bytes, list[Refusal]]:
    bad = plant.claim(**{f"{PLANTED}-key": 1})
    detail = "the record wants only fields that the contract knows, and 1 are others"
    return lines(bad, good), [Refusal("row 1", "columns", detail, read_back(bad))]


def repeated_header(plant: Plant, good: Claim) -> tuple[bytes, list[Refusal]]:
    header = ",".join((*COLUMNS, "amount")).encode()
    plant.drop(lines(good))
    refused = Refusal("line 1", "columns", "the header has an empty or repeated column", header)
    return header + b"\n" + f"{PLANTED},1\n".encode(), [refused]


def short_row(plant: Plant, good: Claim) -> tuple[bytes, list[Refusal]]:
    head, row, rest = table(plant.claim(), good).split(b"\n", 2)
    short = row.rsplit(b",", 2)[0]
    refused = Refusal("row 1", "columns", f"{len(COLUMNS) - 2} columns, the header has {len(COLUMNS)}", short)
    return b"\n".join((head, short, rest)), [refused]


def not_utf8(plant: Plant, good: Claim) -> tuple[bytes, list[Refusal]]:
    bad = line(plant.claim(note=f"{PLANTED}-\x00")).replace(b"\\u0000", b"\xff\xfe").strip()
    return bad + b"\n" + lines(good), [Refusal("row 1", "encoding", "not valid UTF-8", bad)]


def not_utf8_in_csv(plant: Plant, good: Claim) -> tuple[bytes, list[Refusal]]:
    head, row, rest = table(plant.claim(), good).split(b"\n", 2)
    bad = row + b"\xc3"
    return b"\n".join((head, bad, rest)), [Refusal("row 1", "encoding", "not valid UTF-8", bad)]


def not_json(plant: Plant, good: Claim) -> tuple[bytes, list[Refusal]]:
    bad = line(plant.claim())[:-3]
    return bad + b"\n" + lines(good), [Refusal("row 1", "encoding", r"not one JSON value \(column [0-9]+\)", bad)]


def wrong_type(plant: Plant, good: Claim) -> tuple[bytes, list[Refusal]]:
    bad = [plant.claim(amount=f"{PLANTED}-amount"), plant.claim(amount=2**63), plant.claim(claimant={"x": PLANTED})]
    said = ["field `amount` wants a whole number", "field `amount` wants .*", "field `claimant` wants a string"]
    refused = [Refusal(f"row {n}", "type", said[n - 1], read_back(one)) for n, one in enumerate(bad, 1)]
    return lines(*bad, good), refused


def no_subject(plant: Plant, good: Claim) -> tuple[bytes, list[Refusal]]:
    bad = plant.claim(claimant="")
    return lines(bad, good), [Refusal("row 1", "subject", "`claimant` names no data subject", read_back(bad))]


def giant(plant: Plant, good: Claim) -> tuple[bytes, list[Refusal]]:
    bad = lines(plant.claim(note=PLANTED + "x" * MEGABYTES))
    detail = f"sha256={hashlib.sha256(bad).hexdigest()} bytes={len(bad)}"
    before = plant.claim()
    return lines(before) + bad + lines(good), [Refusal("row 2", "too_large", detail, None, bad)]


def giant_in_avro(plant: Plant, good: Claim) -> tuple[bytes, list[Refusal]]:
    bad = plant.claim(note=PLANTED + "x" * MEGABYTES)
    raw = encoded(plant.schema, bad)
    detail = f"sha256={hashlib.sha256(raw).hexdigest()} bytes={len(raw)}"
    return container(plant.schema, bad, good), [Refusal("row 1", "too_large", detail, None, raw)]


def one_byte_too_many(plant: Plant, good: Claim) -> tuple[bytes, list[Refusal]]:
    """No quarantine record holds it either. The row before it is as large as may be."""
    bad = of_size(plant, MAX_RECORD_BYTES + 1)
    refused = Refusal("row 2", "too_large", f"the record is larger than {TOPIC} takes", None, read_back(bad))
    return lines(of_size(plant, MAX_RECORD_BYTES), bad, good), [refused]


def of_size(plant: Plant, size: int) -> Claim:
    """A claim that takes exactly `size` bytes on the provider topic, its key included."""
    made = plant.claim(note="")
    least = len(plant.framed(made)) + len(made["claimant"])
    made["note"] = PLANTED.ljust(size - least - 2, "x")  # the length of a long text takes three bytes, of none one
    assert len(plant.framed(made)) + len(made["claimant"]) == size
    return made


ROWS = [
    File("an event without it", without_id),
    File("an event without it, in CSV", empty_id_in_csv, "csv"),
    File("an event without it: nor a data subject", no_subject),
    File("the same id twice in a file", same_id_twice),
    File("CSV with wrong columns: an unknown one", header_of_others, "csv", failed=True),
    File("CSV with wrong columns: one is missing", header_lacking_one, "csv", failed=True),
    File("CSV with wrong columns: one twice", repeated_header, "csv", failed=True),
    File("CSV with wrong columns: a short row", short_row, "csv"),
    File("CSV with wrong columns: nor JSON with an unknown key", unknown_key),
    File("invalid UTF-8", not_utf8),
    File("invalid UTF-8, in CSV", not_utf8_in_csv, "csv"),
    File("invalid UTF-8: nor JSON", not_json),
    File("invalid UTF-8: nor of the field's type", wrong_type),
    File("a 20 MB record", giant, failed=True),
    File("a 20 MB record, in Avro", giant_in_avro, "avro", failed=True),
    File("a 20 MB record: one byte more than the topic takes", one_byte_too_many),
]


@clauses(ROWS)
def test_row(clause: File, plant: Plant) -> None:
    good = plant.claim()
    content, refused = clause.make(plant, good)
    name = plant.drop(content, clause.suffix)
    for one in refused:
        was_refused(plant, f"{name}:{one.place}", one)
    plant.arrives(good["serial"])
    plant.lies_in("failed" if clause.failed else "done", name)
    assert sorted(plant.refusals_from(name)) == sorted(f"{name}:{one.place}" for one in refused)
    plant.goes_on()


def was_refused(plant: Plant, source: str, expected: Refusal) -> None:
    headers, record = plant.refused(source)
    original = expected.whole or expected.original
    size = -1 if original is None else len(original)
    assert headers == {
        "penstock.reason": expected.reason,
        "penstock.dataset": DATASET,
        "penstock.source": source,
        "penstock.bytes": str(size),
    } | ({} if expected.schema_id is None else {"penstock.schema_id": str(expected.schema_id)})
    assert record["reason"] == expected.reason
    assert record["source"] == source
    assert re.fullmatch(expected.detail, str(record["detail"])) or record["detail"] == expected.detail
    assert PLANTED not in str(record["detail"])
    assert record["schema_id"] == expected.schema_id
    assert record["agreement"] is None
    assert record["size"] == size
    assert record["sha256"] == ("" if original is None else hashlib.sha256(original).hexdigest())
    assert record["original"] == expected.original


# Topics: what somebody wrote past the publisher is refused at the exchange's door, and the partition goes on.


@dataclass(frozen=True)
class Topic:
    """Makes values for the provider topic, each with the reason and detail of its refusal."""

    name: str
    make: Callable[[Plant], list[tuple[bytes | None, str, str, int | None]]]


def lying_length(plant: Plant) -> list[tuple[bytes | None, str, str, int | None]]:
    """Lengths of 2^40, -1 and 2^62 before the first text, and one that is one too long at the end."""
    whole, schema_id = plant.framed(plant.claim()), plant.schema_id
    said = ("avro", "the bytes are no value of the writer schema", schema_id)
    lies = [zigzag(1 << 40), zigzag(-1), zigzag(1 << 62)]
    bad = [frame(schema_id, lie + PLANTED.encode() * 20) for lie in lies]
    return [(one, *said) for one in [*bad, whole[:-1]]]


def zigzag(number: int) -> bytes:
    raw = (number << 1) ^ (number >> 63)
    out = bytearray()
    while raw > 0x7F:
        out.append(raw & 0x7F | 0x80)
        raw >>= 7
    out.append(raw)
    return bytes(out)


def unknown_id(plant: Plant) -> list[tuple[bytes | None, str, str, int | None]]:
    unknown = next(UNKNOWN_IDS)
    value = frame(unknown, encoded(plant.schema, plant.claim()))
    return [(value, "unknown_schema", not_brought(unknown), unknown)] * 2


def not_brought(schema_id: int) -> str:
    return f"schema id {schema_id} is none that `penstock apply` brought for {TOPIC}"


def foreign_id(plant: Plant) -> list[tuple[bytes | None, str, str, int | None]]:
    """The stock serializer registers a schema of its own; `apply` never brought it, so it may not be decoded."""
    schema = plant.schema | {"fields": [*plant.schema["fields"], {"name": "more", "type": "string", "default": ""}]}
    with SchemaRegistryClient({"url": plant.registry.url}) as client:
        serializer = AvroSerializer(client, json.dumps(schema))
        subject = SerializationContext(f"somebody-{uuid.uuid4().hex}", MessageField.VALUE)
        value = serializer(physical(plant.claim()) | {"more": PLANTED}, subject)
    schema_id = int.from_bytes(value[1:5], "big")
    return [(value, "unknown_schema", not_brought(schema_id), schema_id)]


def garbage(plant: Plant) -> list[tuple[bytes | None, str, str, int | None]]:
    whole, schema_id = plant.framed(plant.claim()), plant.schema_id
    short = "the record is too short for Confluent wire format"
    unframed = "the record is not in Confluent wire format version 0"
    return [
        (None, "framing", "a record without a value", None),
        (b"", "framing", short, None),
        (b"\0", "framing", short, None),
        (f"{PLANTED} text".encode(), "framing", unframed, None),
        (line(plant.claim()), "framing", unframed, None),
        (b"\1" + whole[1:], "framing", unframed, None),
        (whole + PLANTED.encode(), "avro", "bytes are left over after the value", schema_id),
        (plant.framed(plant.claim(claim_id="")), "event_id", "the event has no id", schema_id),
        (plant.framed(plant.claim(claimant="")), "subject", "`claimant` names no data subject", schema_id),
    ]


TOPICS = [
    Topic("an Avro value with a lying length", lying_length),
    Topic("an unknown schema id", unknown_id),
    Topic("an unknown schema id: one that others registered", foreign_id),
    Topic("garbage written to a provider topic past the publisher", garbage),
]


@clauses(TOPICS)
def test_topic(clause: Topic, plant: Plant) -> None:
    fed = clause.make(plant)
    places = [plant.produce(value, at % 2) for at, (value, *_) in enumerate(fed)]
    goods = [plant.claim(), plant.claim()]
    for partition, good in enumerate(goods):
        plant.produce(plant.framed(good), partition)
    for place, (value, reason, detail, schema_id) in zip(places, fed, strict=True):
        was_refused(plant, place, Refusal(place, reason, detail, value, schema_id=schema_id))
    for good in goods:
        plant.arrives(good["serial"])
    plant.goes_on()


# Growth, the registry, keys, tokens, predicates: one function a clause; after each the next good event arrives.


@dataclass(frozen=True)
class Walk:
    """A clause that takes a few steps."""

    name: str
    walk: Callable[..., None]


def grows(plant: Plant) -> None:
    """Encrypted fields are padded: this claim fits the provider topic, and its encrypted view does not fit its own."""
    for big in (of_size(plant, MAX_RECORD_BYTES), of_size(plant, MAX_RECORD_BYTES - 400)):
        value = plant.framed(big)
        place = plant.produce(value)
        headers, record = plant.refused(place, FILES)
        assert headers["penstock.reason"] == record["reason"] == "too_large"
        assert headers["penstock.schema_id"] == str(plant.schema_id)
        assert headers["penstock.bytes"] == str(len(value))
        assert record["detail"] == f"the protected record is larger than view.{FILES} takes"
        assert (record["original"], record["sha256"]) == (None, hashlib.sha256(value).hexdigest())
        plant.arrives(big["serial"], COUNTS, LARGE, PARTNERS)
        assert plant.decisions(big["claimant"]) == {
            FILES: "quarantined",
            COUNTS: "released",
            LARGE: "released",
            PARTNERS: "released",
        }


def away(plant: Plant) -> AbstractContextManager[None]:
    return plant.registry.away()


def unreachable(while_: Callable[[Plant], AbstractContextManager[None]], why: str) -> Callable[..., None]:
    """The partition waits and says so; nothing of it is lost, refused or released before the registry is back."""

    def walk(plant: Plant) -> None:
        good, seen = plant.claim(), plant.ear.heard[f"quarantine.{DATASET}"]
        unknown = next(UNKNOWN_IDS)
        with while_(plant):
            before = len(seen)
            bad = frame(unknown, encoded(plant.schema, plant.claim()))
            place = plant.produce(bad)
            plant.produce(plant.framed(good))
            plant.ear.until(lambda: plant.health()["state"] == "waiting" or None, "waiting")
            stays_waiting(plant, why)
            assert len(seen) == before
            assert plant.released(COUNTS, good["serial"]) == []
        plant.ear.until(lambda: plant.health()["state"] == "running" or None, "running")
        was_refused(plant, place, Refusal(place, "unknown_schema", not_brought(unknown), bad, schema_id=unknown))
        plant.arrives(good["serial"])

    return walk


def stays_waiting(plant: Plant, why: str) -> None:
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        health = plant.health()
        assert health["state"] == "waiting"
        assert why in health["reason"]
        assert plant.registry.url in health["reason"]
        time.sleep(0.02)


def wrong_token(plant: Plant, penstock: Callable[..., tuple[int, str]]) -> None:
    url = f"{plant.gateway}/v1/agreements/{FILES}/keys"
    right = plant.token("audit")
    wrong = {
        "not a token": ("Bearer pst_wrong", 401, "the token is not valid - ask the operator for a token of your own"),
        "another member's": (f"Bearer {plant.token('statistics')}", 403, "no such agreement of yours is in force"),
        "another scheme": (f"Basic {right}", 401, "the token is not valid - ask the operator for a token of your own"),
        "cut short": (f"Bearer {right[:-1]}", 401, "the token is not valid - ask the operator for a token of your own"),
        "none": ("", 401, "the token is not valid - ask the operator for a token of your own"),
    }
    for header, status, text in wrong.values():
        assert answer(url, header, b'{"handles": []}') == (status, {"error": text})
    assert answer(url, f"Bearer {right}", b'{"handles": []}') == (200, {"keys": {}})
    unknown = url.replace(FILES, "nobodys")
    assert answer(unknown, f"Bearer {right}", b"{}") == (403, {"error": "no such agreement of yours is in force"})
    for body in (b"", b"[" * 60_000, b'{"handles": [1]}', b'{"handles": ["zz"]}', b'{"handles": ["00"]}'):
        status, said = answer(url, f"Bearer {right}", body)
        assert status == 400
        assert said["error"]
    code, said = penstock("read", FILES, "--in", str(plant.root), "-n", "1", PENSTOCK_TOKEN="pst_wrong")
    assert (code, said) == (
        5,
        f"penstock: {plant.gateway}: the token is not valid - ask the operator for a token of your own\n",
    )
    code, said = penstock("read", FILES, "--in", str(plant.root), "-n", "1", PENSTOCK_TOKEN=right)
    assert code == 0
    assert json.loads(said)["serial"] in {one["serial"] for one in plant.view(FILES)}


def answer(url: str, authorization: str, body: bytes) -> tuple[int, Any]:
    request = urllib.request.Request(url, body, {"Authorization": authorization} if authorization else {})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310 - http, on this machine
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def too_deep(plant: Plant) -> None:
    """Around the depth where Python gives up, reading, checking and keeping give up on the row alone."""
    good = plant.claim()
    bad = [line(plant.claim(note="@")).replace(b'"@"', b"[" * depth + b"]" * depth) for depth in range(900, 1000, 5)]
    name = plant.drop(b"".join(bad) + lines(good))
    said = {
        "type": "field `note` wants a string",
        "encoding": "not usable JSON: a repeated key, a number out of range, or too deep",
    }
    for row in range(1, len(bad) + 1):
        _, record = plant.refused(f"{name}:row {row}")
        assert record["detail"] == said[record["reason"]]
    plant.arrives(good["serial"])


def flood(plant: Plant) -> None:
    """Three hundred ids that nobody knows: none is worth a walk through the registry's log."""
    places = [plant.produce(frame(next(UNKNOWN_IDS), PLANTED.encode())) for _ in range(300)]
    good = plant.claim()
    plant.produce(plant.framed(good))
    plant.arrives(good["serial"])
    for place in places:
        headers, _ = plant.refused(place)
        assert headers["penstock.reason"] == "unknown_schema"


def damaged_key(plant: Plant) -> None:
    """A row of the key store was damaged: everybody waits and says so, and goes on when it is restored."""
    held, odd, bad = plant.claim(), plant.claim(), plant.claim(claim_id="")
    plant.drop(lines(held))
    plant.arrives(held["serial"])
    why = "a row of the key store is damaged or was moved - restore the store from a backup"
    with damaged(plant, odd["claimant"], FILES):
        plant.drop(lines(odd))
        plant.ear.until(lambda: why in plant.health()["reason"] or None, "waiting")
        assert plant.released(COUNTS, odd["serial"]) == []
    plant.arrives(odd["serial"])
    with damaged(plant, bad["claimant"], f"quarantine.{DATASET}"):
        name = plant.drop(lines(bad))
        plant.ear.until(lambda: why in plant.health("connectors-claims")["reason"] or None, "waiting")
    plant.refused(f"{name}:row 1")
    opened: dict[int, Any] = {}
    with open_view(FILES, gateway=plant.gateway, token=plant.token("audit")) as view:
        with damaged(plant, held["claimant"], FILES), pytest.raises(UnavailableError, match=re.escape(why)):
            read_on(view, opened)
        failures = read_on(view, opened)  # goes on where it was, and has lost nothing
    assert len(opened) + len(failures) == len(plant.view(FILES))
    assert opened[held["serial"]]["claimant"] == held["claimant"]


@contextmanager
def damaged(plant: Plant, person: str, domain: str) -> Iterator[None]:
    """The row of a person's keys is no longer what was written, while the block runs."""
    place = (plant.reference(person), domain)
    before = sql(plant, "SELECT * FROM subjects WHERE subject = ? AND domain = ?", *place)
    sql(
        plant, "REPLACE INTO subjects (subject, domain, version, store_key, wrapped) VALUES (?, ?, 1, 1, x'01')", *place
    )
    yield
    sql(plant, "DELETE FROM subjects WHERE subject = ? AND domain = ?", *place)
    for row in before:
        sql(plant, "INSERT INTO subjects VALUES (?, ?, ?, ?, ?)", *row)


def sql(plant: Plant, statement: str, *values: Any) -> list[Any]:
    store = sqlite3.connect(plant.root / ".penstock" / "store.db")
    try:
        with store:
            return store.execute(statement, values).fetchall()
    finally:
        store.close()


def missing_key(plant: Plant) -> None:
    """A subject's row is gone from the key store: her records do not open, and everybody else's do."""
    erased, kept = plant.claim(), plant.claim()
    plant.drop(lines(erased, kept))
    plant.arrives(erased["serial"])
    plant.arrives(kept["serial"])
    gone = sql(plant, "DELETE FROM subjects WHERE subject = ? RETURNING domain", plant.reference(erased["claimant"]))
    assert sorted(gone) == [(FILES,), (PARTNERS,)]
    good = plant.claim()
    plant.drop(lines(good))
    plant.arrives(good["serial"])
    opened, failures = read_all(plant, FILES)
    handle = plant.released(FILES, erased["serial"])[0]["claimant"][1:9].hex()
    assert [one.message for one in failures] == [f"no key for field `claimant`, handle {handle}"]
    assert re.fullmatch(
        "partition [01], offset [0-9]+: no key for field .* - it was erased, or the agreement no longer gives keys: .*",
        str(failures[0]),
    )
    assert erased["serial"] not in opened
    for one in (kept, good):
        assert opened[one["serial"]]["claimant"] == one["claimant"]
        assert opened[one["serial"]]["amount"] == one["amount"]
        assert opened[one["serial"]]["note"] == one["note"]
    assert set(opened) == {one["serial"] for one in plant.view(FILES)} - {erased["serial"]}
    opened, failures = read_all(plant, COUNTS, "statistics")
    assert (set(opened), failures) == ({one["serial"] for one in plant.view(COUNTS)}, [])


def read_all(plant: Plant, agreement: str, member: str = "audit") -> tuple[dict[int, Any], list[KeyUnavailableError]]:
    """A whole view as its recipient's library opens it, and what it says of records that do not open."""
    opened: dict[int, Any] = {}
    with open_view(agreement, gateway=plant.gateway, token=plant.token(member)) as view:
        return opened, read_on(view, opened)


def read_on(view: View, opened: dict[int, Any]) -> list[KeyUnavailableError]:
    """Reads a view to its end into `opened`; gives what it says of records that do not open."""
    failures, ended = [], False
    while not ended:
        try:
            for record in view.to_end():
                opened[record.value["serial"]] = record.value
            ended = True
        except KeyUnavailableError as missing:
            failures.append(missing)
    return failures


def no_partner(plant: Plant) -> None:
    """A personal field whose data subject is null has no key: it is withheld, and never leaves in clear."""
    alone = plant.claim(partner=None)
    plant.drop(lines(alone))
    plant.arrives(alone["serial"], FILES, COUNTS, LARGE)
    assert plant.decisions(alone["claimant"]) == {
        FILES: "released",
        COUNTS: "released",
        LARGE: "released",
        PARTNERS: "key_unavailable",
    }
    assert plant.released(PARTNERS, alone["serial"]) == []


def predicate_error(**changes: Any) -> Callable[..., None]:
    def walk(plant: Plant) -> None:
        odd = plant.claim(**changes)
        plant.drop(lines(odd))
        plant.arrives(odd["serial"], FILES, COUNTS, PARTNERS)
        assert plant.decisions(odd["claimant"]) == {
            FILES: "released",
            COUNTS: "released",
            LARGE: "predicate_error",
            PARTNERS: "released",
        }
        assert plant.released(LARGE, odd["serial"]) == []

    return walk


def answering(status: int) -> Callable[[Plant], AbstractContextManager[None]]:
    return lambda plant: plant.registry.answering(status)


WALKS = [
    Walk("growth by encryption past the topic's limit", grows),
    Walk("registry unreachable", unreachable(away, "the schema registry does not answer: connection refused")),
    Walk("registry unreachable: it does not let us in", unreachable(answering(401), "refused us (401)")),
    Walk("registry unreachable: something else answers", unreachable(answering(404), "does not answer")),
    Walk("registry unreachable: it is overloaded", unreachable(answering(503), "it answered with status 503")),
    Walk("wrong token", wrong_token),
    Walk("missing key", missing_key),
    Walk("missing key: nobody to have one", no_partner),
    Walk("missing key: its row is damaged", damaged_key),
    Walk("garbage written to a provider topic past the publisher: a flood of it", flood),
    Walk("a 20 MB record: nor one too deep", too_deep),
    Walk("predicate that errors: division by zero", predicate_error(parts=0)),
    Walk("predicate that errors: overflow", predicate_error(amount=2**62)),
]


@clauses(WALKS)
def test_walk(clause: Walk, plant: Plant, request: pytest.FixtureRequest) -> None:
    wanted = clause.walk.__code__.co_varnames[: clause.walk.__code__.co_argcount]
    clause.walk(**{name: request.getfixturevalue(name) for name in wanted})
    plant.goes_on()


# Afterwards


def test_every_clause_is_here() -> None:
    names = [one.name for one in (*DOCUMENTS, *ROWS, *TOPICS, *WALKS)]
    assert len(set(names)) == len(names)
    assert [one for one in CLAUSES if not any(re.match(rf"{re.escape(one)}\b", name) for name in names)] == []


def test_the_documents_are_still_those_in_force(plant: Plant, penstock: Callable[..., tuple[int, str]]) -> None:
    code, said = penstock("apply", str(plant.root))
    assert code == 0
    assert re.fullmatch("nothing to do: generation [0-9]+ says the same\n", said)


def test_quarantine_can_be_listed(plant: Plant, penstock: Callable[..., tuple[int, str]]) -> None:
    code, said = penstock("quarantine", "list", "--in", str(plant.root), "--json")
    rows = [row for row in json.loads(said) if row["dataset"] == DATASET]
    assert code == 0
    assert len(rows) == len(plant.ear.heard[f"quarantine.{DATASET}"])
    assert all(row["reason"] and row["source"] for row in rows)
    plant.said.append(said)


def test_no_planted_value_is_anywhere(plant: Plant) -> None:
    """Not in a log, a message, a metric, a header, a key or a record of any topic but the provider's own."""
    planted = (PLANTED.encode(), str(AMOUNT)[:-3].encode())
    found = [name for name, text in plant.logs() if any(one in text for one in planted)]
    found += [name for name, page in metrics(plant) if any(one in page for one in planted)]
    for message in everything(plant):
        parts = [message.key(), message.value(), *(value for _, value in message.headers() or ())]
        if any(one in part for part in parts if part for one in planted):
            found.append(f"{message.topic()}/{message.partition()}/{message.offset()}")
    assert found == []
    plant.is_whole()


def metrics(plant: Plant) -> list[tuple[str, bytes]]:
    roles = ("connectors-claims", "gateway", "exchange-benefit-claims-0")
    pages = [(role, ask(plant.health(role)["port"], "/metrics")) for role in roles]
    assert all(page and page[0] == 200 for _, page in pages)
    return [(role, page[1].encode()) for role, page in pages if page]


def everything(plant: Plant) -> list[Any]:
    """Every record of the topics that are ours to keep clean, those of aborted transactions included."""
    topics = [*plant.ear.heard, AUDIT, CONSENTS, SOURCES]
    own = {"bootstrap.servers": plant.bootstrap, "group.id": uuid.uuid4().hex, "enable.partition.eof": True}
    consumer = Consumer({**own, "isolation.level": "read_uncommitted", "auto.offset.reset": "earliest"})
    try:
        consumer.subscribe(topics)
        read, left = [], sum(len(consumer.list_topics(topic, 10).topics[topic].partitions) for topic in topics)
        while left:
            for message in consumer.consume(1000, 0.1):
                if message.error() is None:
                    read.append(message)
                else:
                    left -= 1
        return read
    finally:
        consumer.close()
