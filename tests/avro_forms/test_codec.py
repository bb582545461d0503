import copy
import io
import time

import fastavro
import pytest
from avro_strategies import record_schemas, untagged, values
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.schemas.avro_decode import read_long
from penstock.schemas.avro_encode import write_long
from penstock.schemas.avro_physical import physical
from penstock.schemas.avro_tree import tree
from penstock.schemas.codec import Codec, LogicalCodec
from penstock.schemas.errors import DocumentError, RecordError

MANY = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))


@st.composite
def schema_and_value(draw):
    schema = draw(record_schemas())
    resolved = tree(schema)
    return schema, draw(values(resolved, resolved.root))


def record(*fields):
    return {"type": "record", "name": "R", "fields": [{"name": name, "type": kind} for name, kind in fields]}


def outcome(codec, data):
    try:
        return codec.decode(data), None
    except RecordError as error:
        return None, error


@MANY
@given(schema_and_value())
def test_decode_then_encode_gives_the_same_bytes_and_value(made):
    """Byte for byte, with unions of several records, strings beside enums, ints beside longs."""
    schema, value = made
    codec = Codec(schema)
    data = codec.encode(value)
    again = codec.decode(data)
    assert again == value
    assert codec.encode(again) == data


@MANY
@given(schema_and_value())
def test_fastavro_reads_the_same_value(made):
    """The judge is a reader that this project did not write."""
    schema, value = made
    data = io.BytesIO(Codec(schema).encode(value))
    assert fastavro.schemaless_reader(data, physical(schema), None) == untagged(value)
    assert data.read() == b""


@MANY
@given(schema_and_value(), st.data())
def test_truncated_and_flipped_bytes_never_crash_or_decode_to_something_unfit(made, data):
    """What comes out is refused as `avro`, or is a value of the type again."""
    schema, value = made
    codec = Codec(schema)
    whole = codec.encode(value)
    broken = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    for _ in range(data.draw(st.integers(0, 3))):
        if broken:
            broken[data.draw(st.integers(0, len(broken) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    decoded, error = outcome(codec, bytes(broken))
    if error is None:
        codec.encode(decoded)
    else:
        assert error.reason == "avro"
        assert error.__cause__ is None
        assert error.__suppress_context__ or error.__context__ is None


@MANY
@given(st.binary(max_size=64))
def test_random_bytes_never_crash(data):
    codec = Codec(record(("a", {"type": "array", "items": {"type": "map", "values": ["null", "long", "string"]}})))
    decoded, error = outcome(codec, data)
    assert error.reason == "avro" if error else codec.encode(decoded)


@given(st.integers(-(1 << 63), (1 << 63) - 1))
def test_every_long_survives(number):
    out = bytearray()
    write_long(out, number)
    assert read_long(bytes(out), 0) == (number, len(out))


HUGE = b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"  # the largest long


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("string", HUGE),
        ("string", b"\x01"),  # length -1: fastavro would read to the end
        ("bytes", HUGE + b"abc"),
        ({"type": "array", "items": "int"}, HUGE),
        ({"type": "array", "items": "int"}, b"\x03\x02"),  # -2 items in 1 byte
        ({"type": "array", "items": "int"}, b"\x01\x04\x02\x00"),  # one item, its block one byte longer
        ({"type": "array", "items": "int"}, b"\x01\x01\x02\x00"),  # a block of -1 bytes
        ({"type": "map", "values": "null"}, HUGE),
        ({"type": "map", "values": "int"}, b"\x04\x02a\x02\x02a\x04\x00"),  # the same key twice
        ({"type": "enum", "name": "E", "symbols": ["A", "B"]}, b"\x01"),  # index -1: fastavro would take the last
        ({"type": "enum", "name": "E", "symbols": ["A", "B"]}, b"\x04"),
        (["null", "int"], b"\x01\x00"),
        (["null", "int"], b"\x04\x00"),
        ({"type": "fixed", "name": "F", "size": 4}, b"abc"),
        ("double", b"\x00" * 7),
        ("float", b"\x00" * 3),
        ("boolean", b"\x02"),
        ("int", b"\x80\x80\x80\x80\x10"),  # 2^31
        ("long", b"\xff" * 9 + b"\x02"),  # 65 bits
        ("long", b"\x80" * 10 + b"\x00"),  # eleven bytes
        ("long", b"\x80" * 4000),
        ("string", b"\x02\xff"),  # no UTF-8
        ("int", b""),
        ("int", b"\x02\x02"),  # one byte too many
    ],
)
def test_lying_bytes_are_refused_at_once(kind, data):
    """Lengths, counts, indexes and sizes that lie: the reason is `avro` and nothing is allocated for them."""
    started = time.monotonic()
    with pytest.raises(RecordError) as caught:
        Codec(kind).decode(data)
    assert caught.value.reason == "avro"
    assert time.monotonic() - started < 0.5


def test_a_type_that_contains_itself_decodes_and_a_depth_bomb_is_refused():
    schema = {"type": "record", "name": "L", "fields": [{"name": "next", "type": ["null", "L"]}]}
    codec = Codec(schema)
    assert codec.decode(b"\x02\x02\x00") == {"next": {"next": {"next": None}}}
    with pytest.raises(RecordError, match="no value"):
        codec.decode(b"\x02" * 100_000 + b"\x00")
    deep = {"next": None}
    for _ in range(50_000):
        deep = {"next": deep}
    with pytest.raises(RecordError) as caught:
        codec.encode(deep)
    assert caught.value.reason == "type"
    while deep["next"]:  # taken apart by hand: a recursive deallocation this deep is slow
        deep = deep["next"]


def test_both_block_forms_are_read():
    """Java's blocking encoder writes a negative count and the block's size."""
    codec = Codec({"type": "array", "items": "int"})
    assert codec.decode(b"\x04\x02\x04\x00") == [1, 2]
    assert codec.decode(b"\x03\x04\x02\x04\x02\x06\x00") == [1, 2, 3]


def test_an_array_whose_items_take_no_bytes_is_no_schema_for_us():
    for items in ("null", {"type": "record", "name": "N", "fields": [{"name": "a", "type": "null"}]}):
        with pytest.raises(DocumentError, match="take no bytes"):
            Codec({"type": "array", "items": items})


SECRET = "49002010965-is-nobody"


@pytest.mark.parametrize(
    ("kind", "value", "place"),
    [
        ("int", 1 << 31, "f"),
        ("int", -(1 << 31) - 1, "f"),
        ("long", 1 << 63, "f"),
        ("int", True, "f"),
        ("int", 1.0, "f"),
        ("double", 1, "f"),
        ("float", 1e300, "f"),
        ("boolean", 1, "f"),
        ("string", SECRET.encode(), "f"),
        ("string", "\ud800" + SECRET, "f"),
        ("bytes", SECRET, "f"),
        ("null", SECRET, "f"),
        (["null", "int"], SECRET, "f"),
        (["int", "long"], 5, "f"),
        ({"type": "enum", "name": "E", "symbols": ["A"]}, SECRET, "f"),
        ({"type": "fixed", "name": "F", "size": 4}, SECRET.encode(), "f"),
        ({"type": "array", "items": "int"}, SECRET, "f"),
        ({"type": "array", "items": "int"}, [1, SECRET], r"f\[\]"),
        ({"type": "map", "values": "int"}, [SECRET], "f"),
        ({"type": "map", "values": "int"}, {"k": SECRET}, r"f\{\}"),
        ({"type": "map", "values": "int"}, {1: 1}, r"f\{\}"),
        ({"type": "record", "name": "S", "fields": [{"name": "g", "type": "int"}]}, {"g": SECRET}, r"f\.g"),
        ({"type": "record", "name": "S", "fields": [{"name": "g", "type": "int"}]}, {}, r"f\.g"),
        ({"type": "record", "name": "S", "fields": [{"name": "g", "type": "int"}]}, {"g": 1, SECRET: 1}, "f"),
        ({"type": "record", "name": "S", "fields": [{"name": "g", "type": "int"}]}, SECRET, "f"),
    ],
)
def test_an_unfit_value_is_refused_by_field_and_never_quoted(kind, value, place):
    with pytest.raises(RecordError, match=f"`{place}`") as caught:
        Codec(record(("f", kind))).encode({"f": value})
    assert caught.value.reason == "type"
    assert SECRET not in repr(caught.value)
    assert caught.value.__context__ is None


def test_extra_and_missing_fields_at_the_top_are_refused():
    codec = Codec(record(("f", "int")))
    for value in ({}, {"f": 1, "g": 2}, {"g": 2}, None, [], "x"):
        with pytest.raises(RecordError) as caught:
            codec.encode(value)
        assert caught.value.reason == "type"


def test_encoding_leaves_the_event_as_it_was():
    event = {"f": {"k": [1, 2]}}
    before = copy.deepcopy(event)
    Codec(record(("f", {"type": "map", "values": {"type": "array", "items": "int"}}))).encode(event)
    assert event == before


def test_a_recipient_reads_logical_types():
    schema = record(
        ("day", {"type": "int", "logicalType": "date"}),
        ("paid", {"type": "bytes", "logicalType": "decimal", "precision": 8, "scale": 2}),
        ("at", ["null", {"type": "long", "logicalType": "timestamp-millis"}]),
    )
    data = Codec(schema).encode({"day": 20_000, "paid": (1234).to_bytes(2, "big"), "at": 1_000})
    read = LogicalCodec(schema).decode(data)
    assert (str(read["day"]), str(read["paid"]), read["at"].isoformat()) == (
        "2024-10-04",
        "12.34",
        "1970-01-01T00:00:01+00:00",
    )


def test_a_date_out_of_range_is_refused_by_the_logical_reading_only():
    schema = record(("day", {"type": "int", "logicalType": "date"}))
    data = Codec(schema).encode({"day": (1 << 31) - 1})
    with pytest.raises(RecordError, match="logical type"):
        LogicalCodec(schema).decode(data)
