"""Avro's own JSON encoding, judged by fastavro's writer of it, and the JSON Schema that describes plain JSON."""

import io
import json

import fastavro
import pytest
from avro_strategies import record_schemas, values
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from penstock.schemas.avro_json import from_avro_json
from penstock.schemas.avro_json_schema import json_schema
from penstock.schemas.avro_tree import tree
from penstock.schemas.codec import Codec
from penstock.schemas.errors import RecordError
from penstock.schemas.plain_json import to_avro

MANY = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def record(kind):
    return {"type": "record", "name": "R", "fields": [{"name": "f", "type": kind}]}


def bare(schema):
    """The schema without logical types: fastavro would convert them."""
    if isinstance(schema, dict):
        return {key: bare(value) for key, value in schema.items() if key != "logicalType"}
    return [bare(one) for one in schema] if isinstance(schema, list) else schema


def empty_key(value):
    """Say whether a map has the key that fastavro's writer does not take."""
    if isinstance(value, dict):
        return "" in value or any(map(empty_key, value.values()))
    return isinstance(value, list | tuple) and any(map(empty_key, value))


def taken(raw, schema, event):
    """Have fastavro write an event of ours; False where it cannot: a union's branch by its name, in another union."""
    try:
        fastavro.schemaless_writer(raw, schema, event)
    except ValueError as failure:
        if "do not match" not in str(failure):
            raise
        return False
    return True


@MANY
@given(st.data())
def test_what_fastavro_writes_is_read_as_the_same_event(data):
    schema = data.draw(record_schemas())
    resolved = tree(schema)
    event = data.draw(values(resolved, resolved.root))
    assume(not empty_key(event))
    text, raw, parsed = io.StringIO(), io.BytesIO(), fastavro.parse_schema(bare(schema))
    assume(taken(raw, parsed, event))
    assume(raw.getvalue() == Codec(schema).encode(event))  # it takes 0 for a float where a union has one
    fastavro.json_writer(text, parsed, [event], write_union_type=True)
    found = from_avro_json(schema)(json.loads(text.getvalue()))
    assert found == event
    assert Codec(schema).encode(found) == Codec(schema).encode(event)


def test_it_passes_the_intake_unchanged():
    kinds = ["null", "double", {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}]
    schema = record(kinds)
    assert to_avro(schema)(from_avro_json(schema)({"f": {"double": 3}})) == {"f": 3.0}
    assert to_avro(schema)(from_avro_json(schema)({"f": {"bytes": "\u0004\u00e2"}})) == {"f": b"\x04\xe2"}
    two = record(["int", "long"])
    assert to_avro(two)(from_avro_json(two)({"f": {"long": 3}})) == {"f": ("long", 3)}


@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [
        (["null", "long"], 7, "type"),
        (["null", "long"], {"int": 7}, "type"),
        (["null", "long"], {"long": 7, "int": 7}, "type"),
        (["null", "long"], {"null": None}, "type"),
        (["string", "long"], None, "type"),
        ("long", "7", "type"),
        ("long", True, "type"),
        ("double", "7", "type"),
        ("double", 10**400, "type"),
        ("bytes", "€", "type"),
        ("bytes", 7, "type"),
        ("string", None, "type"),
        ({"type": "array", "items": "long"}, ["7"], "type"),
        ({"type": "map", "values": "long"}, {"a": "7"}, "type"),
        ({"type": "record", "name": "I", "fields": [{"name": "a", "type": "long"}]}, {}, "columns"),
        ({"type": "record", "name": "I", "fields": [{"name": "a", "type": "long"}]}, {"a": 1, "b": 2}, "columns"),
    ],
)
def test_what_is_not_of_the_type_is_refused_without_its_value(kind, value, reason):
    with pytest.raises(RecordError) as refused:
        from_avro_json(record(kind))({"f": value})
    assert refused.value.reason == reason
    assert "`f" in refused.value.message
    assert "7" not in refused.value.message


def test_no_record_at_all():
    for value in (None, 7, [], {}):
        with pytest.raises(RecordError):
            from_avro_json(record("long"))(value)


def test_the_json_schema_names_what_must_be_there():
    schema = {
        "type": "record",
        "name": "R",
        "fields": [
            {"name": "id", "type": "string"},
            {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
            {"name": "self", "type": ["null", "R"], "default": None},
            {"name": "n", "type": ["null", "int"]},
        ],
    }
    described = json_schema(schema, frozenset(["id"]))
    assert described["required"] == ["at", "id"]
    assert described["additionalProperties"] is False
    assert described["properties"]["n"]["anyOf"][1] == {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1}
    assert described["properties"]["self"]["anyOf"][1]["$ref"].endswith("/R")
    assert set(described["$defs"]["R"]["required"]) == {"id", "at"}
