"""A contract drafted from a sample: it takes the sample's records, says what a person must add, and holds no value."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from penstock.ops.cli.app import app
from penstock.ops.documents.infer import Drafted, draft, slug
from penstock.ops.documents.infer_avro import Draft
from penstock.ops.documents.infer_sample import Sample, sample_file
from penstock.ops.documents.infer_shape import Shape
from penstock.ops.inferring import sample_topic
from penstock.schemas.codec import Codec
from penstock.schemas.confluent_wire import frame
from penstock.schemas.errors import ConfigurationError
from penstock.schemas.odcs import Reading, read_contract
from penstock.schemas.plain_json import to_avro
from penstock.schemas.yaml_lines import read_yaml
from penstock.streams.settings import Cluster

MODELS = ("AirQualityObserved", "OnStreetParking", "ParkingSpot", "TrafficFlowObserved")


def shape_of(*records: Any, text: bool = False) -> Shape:
    shape = Shape()
    for record in records:
        shape.add(record, text=text)
    return shape


def drafted(*records: Any, **more: Any) -> Drafted:
    return draft(Sample(shape_of(*records), records=len(records), **more), "air", "city")


def reading_of(made: Drafted) -> Reading:
    document = read_yaml(made.odcs.encode(), "contracts/air.odcs.yaml")
    assert document is not None
    return read_contract(document, lambda _: made.avsc.encode())


def filled(made: Drafted, **values: str) -> Drafted:
    """The draft after a person's work."""
    lines, name, done = made.odcs.splitlines(), "", []
    for line in lines:
        name = line.split("penstock.")[-1] if "property:" in line else name
        found = {"provider": "city", "retention": "year", **values}.get(name)
        done.append(f"    value: {found}" if line.startswith("    value: null") and found else line)
    return Drafted(made.id, "\n".join(done), made.avsc, 0, 0, 0, 0)


def takes(made: Drafted, *records: Any) -> None:
    schema = json.loads(made.avsc)
    convert, codec = to_avro(schema), Codec(schema)
    for record in records:
        codec.encode(convert(record))


@pytest.fixture(params=[f"{model}/{name}" for model in MODELS for name in ("example", "example-normalized")])
def payload(request: Any) -> Any:
    folder = os.environ.get("PENSTOCK_EXAMPLE_PAYLOADS")
    if not folder:
        pytest.skip("the published example payloads are not here: set PENSTOCK_EXAMPLE_PAYLOADS")
    (path,) = [one for one in Path(folder).rglob("*.json") if str(one).endswith(f"{request.param}.json")]
    return json.loads(path.read_bytes())


def leaves_of(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from leaves_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves_of(inner)
    else:
        yield json.dumps(value).strip('"')


def keys_of(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from keys_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from keys_of(inner)


def test_a_published_payload_gives_a_draft_that_takes_it(payload: Any) -> None:
    made = drafted(payload)
    takes(made, payload)
    said = reading_of(made)
    assert said.contract is None
    assert all(one.message.endswith("is not fit") for one in said.problems), said.problems
    assert {one.message.split()[0] for one in said.problems} == {"penstock.eventId", "penstock.eventTime",
                                                                 "penstock.retention"}  # fmt: skip
    names = set(keys_of(payload))
    told = {one for one in leaves_of(payload) if len(one) > 6 and one not in names}
    assert told
    text = made.odcs + made.avsc
    assert not [one for one in told if re.search(rf"(?<!\w){re.escape(one)}(?!\w)", text)]


def test_coordinates_of_several_depths_and_mixed_numbers_are_taken() -> None:
    records = [
        {"id": "a", "at": "2026-01-01T00:00:00Z", "where": {"type": "Point", "coordinates": [24.7, 59]}},
        {"id": "b", "at": "2026-01-01T00:00:01Z", "where": {"type": "Line", "coordinates": [[24, 59], [24.5, 59.5]]}},
    ]
    made = drafted(*records)
    takes(made, *records)
    assert "of several types in the sample" in made.odcs
    whole = reading_of(filled(made, eventId="id", eventTime="at"))
    assert whole.problems == ()
    assert whole.contract is not None
    assert {one.message.split(": ")[1] for one in whole.notices} == {"treated as restricted"}
    assert len(whole.notices) == len(whole.contract.fields)


def test_types_and_what_may_be_missing_are_inferred_and_no_enum_ever_is() -> None:
    made = drafted(
        {"id": "9f2f4b5e-0000-4000-8000-000000000001", "at": "2026-01-01T00:00:00.5+02:00", "day": "2026-01-01",
         "n": 1, "x": 1, "ok": True, "level": "low", "tags": ["a"], "none": None, "inner": {"a": 1}},
        {"id": "9f2f4b5e-0000-4000-8000-000000000002", "at": "2026-01-01T00:00:00Z", "day": "2026-01-02",
         "n": 2, "x": 1.5, "ok": False, "level": "low", "tags": [], "none": None, "late": "2026-01-01T00:00:00"},
    )  # fmt: skip
    types = {one["name"]: one["type"] for one in json.loads(made.avsc)["fields"]}
    assert types["id"] == {"type": "string", "logicalType": "uuid"}
    assert types["at"] == {"type": "long", "logicalType": "timestamp-millis"}
    assert types["day"] == {"type": "int", "logicalType": "date"}
    assert (types["n"], types["x"], types["ok"], types["level"]) == ("long", "double", "boolean", "string")
    assert types["tags"] == {"type": "array", "items": "string"}
    assert types["none"] == types["late"] == ["null", "string"]
    assert types["inner"][0] == "null"
    assert types["inner"][1]["fields"] == [{"name": "a", "type": "long"}]
    assert "no two events share; candidates: id" in made.odcs
    assert "when it happened; candidates: at, day" in made.odcs
    assert "a time without a zone stays text" in made.odcs


def test_names_that_avro_cannot_have_are_left_out_at_the_top_and_make_maps_below() -> None:
    record = {"@context": "https://example.org", "id": "a", "labels": {"x-y": 1, "z": 2.5}}
    made = drafted(record)
    fields = json.loads(made.avsc)["fields"]
    assert [one["name"] for one in fields] == ["id", "labels"]
    assert fields[1]["type"] == {"type": "map", "values": "double"}
    assert made.left_out == 1
    assert "penstock.unknownFields" in made.odcs
    assert "@context" not in made.odcs


_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text() | st.sampled_from(["2026-01-01", "2026-01-01T00:00:00Z", "9f2f4b5e-0000-4000-8000-000000000001"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "c-d"]), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
_records = st.lists(st.dictionaries(st.sampled_from(["a", "b", "c"]), _values, min_size=1, max_size=3), min_size=1,
                    max_size=4)  # fmt: skip


@settings(deadline=None)
@given(_records)
def test_whatever_the_sample_its_draft_takes_every_record_of_it(records: list[dict[str, Any]]) -> None:
    takes(drafted(*records), *records)


def test_csv_cells_are_typed_and_leading_zeros_stay_text(tmp_path: Path) -> None:
    path = tmp_path / "Parking Events.csv"
    path.write_text("id;code;n;x;place.lat;note\n1;007;3;1;59.4;\n2;010;4;2.5;59.5;text\n")
    sample = sample_file(path, 10, lambda _: None)
    assert (sample.records, sample.text) == (2, True)
    schema = Draft(text=True).schema(sample.shape, "P")
    types = {one["name"]: one["type"] for one in schema["fields"]}
    assert types["code"] == "string"
    assert (types["id"], types["n"], types["x"], types["note"]) == ("long", "long", "double", ["null", "string"])
    assert types["place"]["fields"][0] == {"name": "lat", "type": "double"}


def test_json_of_every_form_is_read_and_bad_records_are_counted(tmp_path: Path) -> None:
    for name, text in (("a.json", '[{"id": 1}, 7]'), ("b.json", '{"id": 1}\n{"id": 2'), ("c.ndjson", '{"id": 1}\nno')):
        (tmp_path / name).write_text(text)
        sample = sample_file(tmp_path / name, 10, lambda _: None)
        assert (sample.records, sample.unreadable) == (1, 1)


def test_an_avro_container_gives_its_own_schema(tmp_path: Path) -> None:
    schema = {"type": "record", "name": "R", "namespace": "x", "fields": [{"name": "id", "type": "string"}]}
    with (tmp_path / "a.avro").open("wb") as stream:
        fastavro.writer(stream, schema, [{"id": "value-canary"}])
    made = draft(sample_file(tmp_path / "a.avro", 10, lambda _: None), "air")
    assert [one["name"] for one in json.loads(made.avsc)["fields"]] == ["id"]
    assert "canary" not in made.odcs + made.avsc


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.csv", "Mari Maasikas;48\nJuhan;50\n", r"column 1, 2"),
        ("a.csv", "Mari,2026-01-01\n", "column 2"),
        ("a.ndjson", "\n", "no readable record"),
        ("a.json", "{", "is not JSON"),
        ("a.avro", "Obj", "cannot be read"),
        ("a.txt", "x", "suffix"),
    ],
)
def test_a_sample_that_is_none_is_said_without_its_values(tmp_path: Path, name: str, text: str, says: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigurationError, match=says) as said:
        sample_file(tmp_path / name, 10, lambda _: None)
    assert "Mari" not in str(said.value)


def run(*words: str) -> Any:
    return CliRunner().invoke(app, ["contract", "infer", *words])


def test_the_command_writes_both_files_and_overwrites_none(tmp_path: Path) -> None:
    (tmp_path / "AirQuality.ndjson").write_text('{"id": "canary-1", "n": 1}\n')
    words = (str(tmp_path / "AirQuality.ndjson"), "--out", str(tmp_path / "out"), "--provider", "city", "--json")
    result = run(*words)
    assert result.exit_code == 0
    assert json.loads(result.stdout)[0]["records"] == 1
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"air-quality.odcs.yaml", "air-quality.avsc"}
    assert "canary" not in result.output + (tmp_path / "out/air-quality.odcs.yaml").read_text()
    again = run(*words)
    assert isinstance(again.exception, ConfigurationError)
    assert "is there already" in str(again.exception)


def test_neither_file_nor_topic_and_unfit_ids_are_said(tmp_path: Path) -> None:
    nowhere = run("no-such", "--in", str(tmp_path))
    assert "no file `no-such`" in str(nowhere.exception)
    assert run("no-such", "--id", "Not An Id").exit_code == 2
    assert slug("city.air-quality.v1") == "city-air-quality-v1"


class _Registry:
    def schema(self, schema_id: int) -> Any:
        return {7: {"type": "record", "name": "R", "fields": [{"name": "id", "type": "string"}]}}.get(schema_id)


def test_a_topic_gives_the_shape_of_its_json_or_the_schema_of_its_registry(kafka: Any, hands: Any) -> None:
    wiring = SimpleNamespace(cluster=lambda: Cluster(kafka.bootstrap), registry=_Registry)
    plain, framed, other = hands.topic(), hands.topic(), hands.topic()
    hands.produce(plain, *[json.dumps({"id": f"e{number}"}).encode() for number in range(20)], b"no JSON")
    hands.produce(framed, frame(7, b"\x02a"))
    hands.produce(other, b"text")
    found = sample_topic(plain, wiring, 100)
    assert (found.records, found.unreadable, set(found.shape.fields)) == (20, 1, {"id"})
    assert sample_topic(plain, wiring, 5).records == 5
    assert draft(sample_topic(framed, wiring, 10), "air").fields == 1
    with pytest.raises(ConfigurationError, match="no JSON object"):
        sample_topic(other, wiring, 10)
