import hashlib
import json

import avro.schema
import fastavro
from avro_strategies import record_schemas
from hypothesis import HealthCheck, given, settings

from penstock.schemas.avro_paths import leaves, type_at
from penstock.schemas.avro_physical import parsing_canonical, physical, type_digest

MANY = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
DATE = {"type": "int", "logicalType": "date"}


@MANY
@given(record_schemas())
def test_fastavro_writes_the_same_canonical_form(schema):
    assert parsing_canonical(schema) == fastavro.schema.to_parsing_canonical_form(fastavro.parse_schema(schema))


def test_apache_avro_writes_the_same_canonical_form():
    """Where it keeps to the specification: it repeats definitions and keeps objects around primitives."""
    schema = {
        "type": "record",
        "name": "R",
        "namespace": "a",
        "doc": "gone",
        "fields": [
            {"name": "d", "type": "int", "default": 1},
            {"name": "f", "type": {"type": "fixed", "name": "b.F", "size": 4}},
            {"name": "m", "type": {"type": "map", "values": {"type": "enum", "name": "E", "symbols": ["X"]}}},
        ],
    }
    ours, theirs = parsing_canonical(schema), avro.schema.parse(json.dumps(schema)).canonical_form
    assert json.loads(ours) == json.loads(theirs)


def test_physical_takes_logical_types_away_and_nothing_else():
    schema = {
        "type": "record",
        "name": "R",
        "doc": "kept",
        "fields": [
            {"name": "d", "type": ["null", DATE], "default": None},
            {"name": "a", "type": {"type": "array", "items": {"type": "map", "values": DATE}}},
            {"name": "x", "type": {"type": "fixed", "name": "F", "size": 8, "logicalType": "decimal", "precision": 4}},
        ],
    }
    assert physical(schema) == {
        "type": "record",
        "name": "R",
        "doc": "kept",
        "fields": [
            {"name": "d", "type": ["null", "int"], "default": None},
            {"name": "a", "type": {"type": "array", "items": {"type": "map", "values": "int"}}},
            {"name": "x", "type": {"type": "fixed", "name": "F", "size": 8}},
        ],
    }


@MANY
@given(record_schemas())
def test_the_digest_of_a_type_is_the_same_wherever_it_stands(schema):
    """The digest of a type taken out of its schema is the digest of the type as it stands alone again."""
    for path in leaves(schema):
        top = path.split(".")[0].split("[")[0].split("{")[0]
        alone = type_at(schema, top)
        assert type_digest(alone) == type_digest(json.loads(json.dumps(alone)))
        assert type_digest(alone) == hashlib.sha256(parsing_canonical(alone).encode()).digest()[:8]


def test_the_digest_is_pinned():
    assert type_digest("string").hex() == hashlib.sha256(b'"string"').hexdigest()[:16]
    assert type_digest(["null", DATE]).hex() == hashlib.sha256(b'["null","int"]').hexdigest()[:16]
