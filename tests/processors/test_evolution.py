"""Reading another version's events as the contract's: agrees with fastavro's schema resolution, refuses the rest."""

from io import BytesIO

import fastavro
import pytest
from view_world import record

from penstock.processors.evolution import adaptation, unclassified
from penstock.schemas.avro_physical import physical
from penstock.schemas.codec import Codec
from penstock.schemas.errors import DocumentError

KIND = {"type": "enum", "name": "Kind", "symbols": ["A", "B"]}
WIDER_KIND = {"type": "enum", "name": "Kind", "symbols": ["B", "C", "A"]}
INNER = record(("x", "int"), ("gone", "string"), name="Inner")
OTHER_INNER = record(("x", "long"), name="Inner")
OTHER_INNER["fields"].append({"name": "new", "type": {"type": "array", "items": "float"}, "default": [1]})


def with_default(kind, default):
    return {"type": "record", "name": "Event", "fields": [{"name": "f", "type": kind, "default": default}]}


READABLE = [
    (record(("f", "int")), record(("f", "long")), {"f": -5}),
    (record(("f", "int")), record(("f", "double")), {"f": 7}),
    (record(("f", "long")), record(("f", "float")), {"f": 7}),
    (record(("f", "float")), record(("f", "double")), {"f": 0.5}),
    (record(("f", "string")), record(("f", "bytes")), {"f": "ö"}),
    (record(("f", "bytes")), record(("f", "string")), {"f": "ö".encode()}),
    (record(("f", "int")), record(("f", ["null", "long"])), {"f": 3}),
    (record(("f", ["int", "null"])), record(("f", ["null", "double"])), {"f": 3}),
    (record(("f", ["int", "null"])), record(("f", ["null", "double"])), {"f": None}),
    (record(("f", "null")), record(("f", ["null", "string"])), {"f": None}),
    (record(("f", "string")), record(("f", ["string", "int"])), {"f": "x"}),
    (record(("f", ["string", "int"])), record(("f", ["int", "null", "string"])), {"f": 4}),
    (record(("f", KIND)), record(("f", WIDER_KIND)), {"f": "A"}),
    (record(("f", INNER), ("g", "int")), record(("g", "int"), ("f", OTHER_INNER)),
     {"f": {"x": 1, "gone": "s"}, "g": 2}),
    (record(("f", {"type": "array", "items": INNER})), record(("f", {"type": "array", "items": OTHER_INNER})),
     {"f": [{"x": 1, "gone": "s"}, {"x": 2, "gone": ""}]}),
    (record(("f", {"type": "map", "values": "int"})), record(("f", {"type": "map", "values": "long"})),
     {"f": {"k": 1}}),
    (record(("g", "int")), with_default("double", 1), {"g": 1}),
    (record(("g", "int")), with_default(["null", "string"], None), {"g": 1}),
    (record(("g", "int")), with_default({"type": "map", "values": "int"}, {"k": 1}), {"g": 1}),
    (record(("g", "int")), with_default(record(("x", "int"), ("y", "long"), name="I"), {"x": 1, "y": 2}), {"g": 1}),
    (record(("g", "int")), with_default(KIND, "B"), {"g": 1}),
]  # fmt: skip


@pytest.mark.parametrize(("writer", "contract", "event"), READABLE)
def test_reads_as_fastavro_does(writer, contract, event):
    adapt = adaptation(writer, contract)
    found = event if adapt is None else adapt(event)
    data = Codec(writer).encode(event)
    assert found == fastavro.schemaless_reader(BytesIO(data), physical(writer), physical(contract))
    assert Codec(contract).decode(Codec(contract).encode(found)) == found


@pytest.mark.parametrize("kind", ["bytes", {"type": "fixed", "name": "F", "size": 2}])
def test_a_default_of_bytes_is_written_as_code_points(kind):
    """As the Avro specification says; fastavro 1.13 gives the text itself."""
    adapt = adaptation(record(("g", "int")), with_default(kind, "\u0000\u00ff"))
    assert adapt({"g": 1}) == {"f": b"\x00\xff"}


def test_the_same_schema_needs_no_adaptation():
    assert adaptation(record(("f", INNER)), record(("f", INNER))) is None


def test_each_event_gets_its_own_default():
    adapt = adaptation(record(("g", "int")), with_default({"type": "array", "items": "int"}, [1]))
    adapt({"g": 1})["f"].append(2)
    assert adapt({"g": 1}) == {"f": [1]}


TWO = [record(("x", "int"), name="A"), record(("x", "int"), name="B")]
UNREADABLE = [
    (record(("f", "long")), record(("f", "int"))),
    (record(("f", "string")), record(("f", "int"))),
    (record(("f", ["null", "int"])), record(("f", "int"))),
    (record(("g", "int")), record(("f", "int"))),
    (record(("f", WIDER_KIND)), record(("f", KIND))),
    (record(("f", INNER)), record(("f", "string"))),
    (record(("f", {"type": "array", "items": "string"})), record(("f", {"type": "array", "items": "int"}))),
    (record(("f", ["string", "int"])), record(("f", ["string", "bytes"]))),
    (record(("f", TWO[0])), record(("f", TWO))),
    (record(("f", ["string", "int"])), record(("f", ["string", "int", "long"]))),
]


@pytest.mark.parametrize(("writer", "contract"), UNREADABLE)
def test_what_it_does_not_read_is_refused_with_the_field(writer, contract):
    with pytest.raises(DocumentError, match="field `f"):
        adaptation(writer, contract)


def test_unknown_leaves_are_named():
    assert unclassified(record(("f", INNER), ("g", "int")), record(("f", OTHER_INNER))) == ("f.gone", "g")
