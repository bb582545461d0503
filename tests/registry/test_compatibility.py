"""Accepted and rejected pairs, as Confluent's documentation and the Avro specification give them."""

import pytest

from penstock.schemas.compatibility import Compatibility, compatible
from penstock.schemas.errors import DocumentError


def record(*fields, name="R", **more):
    return {"type": "record", "name": name, "fields": list(fields), **more}


def field(name, kind, **more):
    return {"name": name, "type": kind, **more}


def enum(*symbols, **more):
    return {"type": "enum", "name": "E", "symbols": list(symbols), **more}


def fixed(size, name="F"):
    return {"type": "fixed", "name": name, "size": size}


A = field("a", "int")
B, B_DEFAULT = field("b", "string"), field("b", "string", default="")

# (what happens, old, new, the new one reads old data, the old one reads new data)
PAIRS = [
    ("nothing", record(A), record(A), True, True),
    ("a field with a default is added", record(A), record(A, B_DEFAULT), True, True),
    ("a field without a default is added", record(A), record(A, B), False, True),
    ("a field with a default is removed", record(A, B_DEFAULT), record(A), True, True),
    ("a field without a default is removed", record(A, B), record(A), True, False),
    ("fields change places", record(A, B), record(B, A), True, True),
    ("int to long", record(field("a", "int")), record(field("a", "long")), True, False),
    ("int to float", record(field("a", "int")), record(field("a", "float")), True, False),
    ("int to double", record(field("a", "int")), record(field("a", "double")), True, False),
    ("long to float", record(field("a", "long")), record(field("a", "float")), True, False),
    ("long to double", record(field("a", "long")), record(field("a", "double")), True, False),
    ("float to double", record(field("a", "float")), record(field("a", "double")), True, False),
    ("string to bytes", record(field("a", "string")), record(field("a", "bytes")), True, True),
    ("int to string", record(field("a", "int")), record(field("a", "string")), False, False),
    ("boolean to int", record(field("a", "boolean")), record(field("a", "int")), False, False),
    ("a symbol is added", record(field("a", enum("X"))), record(field("a", enum("X", "Y"))), True, False),
    ("a symbol is removed", record(field("a", enum("X", "Y"))), record(field("a", enum("X"))), False, True),
    (
        "a symbol is added to an enum with a default",
        record(field("a", enum("X", default="X"))),
        record(field("a", enum("X", "Y", default="X"))),
        True,
        True,
    ),
    (
        "a union gets a branch",
        record(field("a", ["null", "int"])),
        record(field("a", ["null", "int", "string"])),
        True,
        False,
    ),
    ("a field becomes nullable", record(field("a", "int")), record(field("a", ["null", "int"])), True, False),
    ("a field is nullable no more", record(field("a", ["null", "int"])), record(field("a", "int")), False, True),
    (
        "a union's branch is promoted",
        record(field("a", ["null", "int"])),
        record(field("a", ["null", "long"])),
        True,
        False,
    ),
    ("a fixed gets larger", record(field("a", fixed(4))), record(field("a", fixed(8))), False, False),
    ("a fixed gets another name", record(field("a", fixed(4))), record(field("a", fixed(4, "G"))), False, False),
    ("a field is renamed", record(A), record(field("z", "int")), False, False),
    ("a field is renamed with an alias", record(A), record(field("z", "int", aliases=["a"])), True, False),
    ("the record is renamed", record(A), record(A, name="S"), False, False),
    ("the record is renamed with an alias", record(A), record(A, name="S", aliases=["R"]), True, False),
    ("the namespace changes", record(A, namespace="a"), record(A, namespace="b"), True, True),
    (
        "the items are promoted",
        record(field("a", {"type": "array", "items": "int"})),
        record(field("a", {"type": "array", "items": "long"})),
        True,
        False,
    ),
    (
        "the values are promoted",
        record(field("a", {"type": "map", "values": "int"})),
        record(field("a", {"type": "map", "values": "long"})),
        True,
        False,
    ),
    (
        "an array becomes a map",
        record(field("a", {"type": "array", "items": "int"})),
        record(field("a", {"type": "map", "values": "int"})),
        False,
        False,
    ),
    (
        "a nested field without a default is added",
        record(field("a", record(A, name="S"))),
        record(field("a", record(A, B, name="S"))),
        False,
        True,
    ),
    (
        "a logical type appears",
        record(field("a", "int")),
        record(field("a", {"type": "int", "logicalType": "date"})),
        True,
        True,
    ),
    (
        "a type that contains itself",
        record(field("next", ["null", "R"])),
        record(field("next", ["null", "R"]), B_DEFAULT),
        True,
        True,
    ),
    ("another kind altogether", record(A), "int", False, False),
]


@pytest.mark.parametrize(
    ("old", "new", "backward", "forward"), [pair[1:] for pair in PAIRS], ids=[one[0] for one in PAIRS]
)
def test_pair(old, new, backward, forward):
    """Every mode gives the verdict that its directions give."""
    verdicts = {
        "NONE": True,
        "BACKWARD": backward,
        "BACKWARD_TRANSITIVE": backward,
        "FORWARD": forward,
        "FORWARD_TRANSITIVE": forward,
        "FULL": backward and forward,
        "FULL_TRANSITIVE": backward and forward,
    }
    assert {mode: not compatible(mode, new, [old]) for mode in Compatibility} == verdicts


V1, V2, V3 = record(A, B), record(A), record(A, field("b", "int", default=0))


@pytest.mark.parametrize(
    ("mode", "accepted"),
    [
        ("NONE", True),
        ("BACKWARD", True),  # reads version 2, which has no b
        ("BACKWARD_TRANSITIVE", False),  # version 1 has b as a string
        ("FORWARD", True),
        ("FORWARD_TRANSITIVE", False),
        ("FULL", True),
        ("FULL_TRANSITIVE", False),
    ],
)
def test_only_the_transitive_modes_look_at_every_version(mode, accepted):
    messages = compatible(mode, V3, [V1, V2])
    assert (not messages) is accepted
    assert all("against version 1 of 2" in message for message in messages)


def test_the_first_version_is_always_compatible():
    assert not any(compatible(mode, V1, []) for mode in Compatibility)


def test_a_message_says_direction_kind_and_place():
    (message,) = compatible("BACKWARD", record(A, B), [record(A)])
    assert message.startswith("the new schema cannot read old data: reader_field_missing_default_value at /fields/1: b")


@pytest.mark.parametrize(
    "schema",
    [{"type": "recrod"}, "nope", {}, {"type": "record", "name": "R", "fields": [field("a", "X")]}, None, 5],
)
def test_an_invalid_schema_is_a_document_error(schema):
    with pytest.raises(DocumentError, match="not a valid Avro schema"):
        compatible("NONE", schema, [])


def test_an_unknown_mode_is_a_document_error():
    with pytest.raises(DocumentError, match="no compatibility mode"):
        compatible("SIDEWAYS", V1, [])
