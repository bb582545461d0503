"""The scan takes what the codec gives back unchanged, and nothing else; a plan says all that a view is."""

from itertools import pairwise

import pytest
from avro_strategies import record_schemas, values
from hypothesis import example, given
from hypothesis import strategies as st

from penstock.processors.compiled.making import SEALED, SIZES, long_bytes
from penstock.processors.compiled.scanning import (
    SHARED,
    NotCompiled,
    Unusual,
    number_at,
    scan_source,
    size_at,
    whole_at,
)
from penstock.processors.compiled.source import SourceText
from penstock.processors.compiled.spans import covering, spans
from penstock.schemas.avro_tree import emit, tree
from penstock.schemas.codec import Codec
from penstock.schemas.confluent_wire import HEAD_BYTES
from penstock.schemas.encrypted import HANDLE_BYTES, NONCE_BYTES, TAG_BYTES, Sealed, padded
from penstock.schemas.errors import RecordError

HEAD = bytes(HEAD_BYTES)
STRUCTURE = (IndexError, UnicodeDecodeError, Unusual)


class Scan:
    """The scan of a schema with every position."""

    def __init__(self, schema):
        resolved = tree(schema)
        self.parts = spans(resolved)
        self.source = scan_source(resolved, self.parts, range(len(self.parts) + 1))
        self._scan = self.source.function("scan", dict(SHARED))
        self.codec = Codec(schema)

    def __call__(self, payload):
        """Return the bytes of each part."""
        data = HEAD + payload
        positions = self._scan(data)
        assert (positions[0], positions[-1]) == (HEAD_BYTES, len(data))
        return [data[start:end] for start, end in pairwise(positions)]

    def takes(self, payload):
        try:
            self(payload)
        except STRUCTURE:
            return False
        return True


def of(field_type):
    return Scan({"type": "record", "name": "R", "fields": [{"name": "f", "type": field_type}]})


@given(st.data())
def test_parts_are_what_each_field_is_encoded_as(data):
    schema = data.draw(record_schemas())
    scan, resolved = Scan(schema), tree(schema)
    value = data.draw(values(resolved, resolved.root))
    payload = scan.codec.encode(value)
    found = scan(payload)
    assert b"".join(found) == payload
    for part, raw in zip(scan.parts, found, strict=True):
        inner = value
        for name in part.path:
            inner = inner[name]
        assert raw == Codec(emit(resolved, part.node)).encode(inner)


@given(st.data())
def test_what_is_taken_is_what_decoding_and_encoding_gives_back(data):
    schema = data.draw(record_schemas())
    scan, resolved = Scan(schema), tree(schema)
    payload = bytearray(scan.codec.encode(data.draw(values(resolved, resolved.root))))
    for _ in range(data.draw(st.integers(0, 3))):
        if payload:
            at = data.draw(st.integers(0, len(payload) - 1))
            payload[at : at + data.draw(st.integers(0, 1))] = data.draw(st.binary(max_size=2))
    changed = bytes(payload)
    if scan.takes(changed):
        assert scan.codec.encode(scan.codec.decode(changed)) == changed


@pytest.mark.parametrize(
    ("field_type", "usual", "unusual"),
    [
        ({"type": "array", "items": "int"}, b"\x04\x02\x04\x00", [b"\x03\x04\x02\x04\x00", b"\x02\x02\x02\x04\x00"]),
        ({"type": "map", "values": "int"}, b"\x02\x02a\x02\x00", [b"\x01\x06\x02a\x02\x00"]),
        ("long", b"\x02", [b"\x82\x00", b"\x82\x80\x00"]),
        ("string", b"\x02a", [b"\x82\x00a"]),
        ({"type": "enum", "name": "E", "symbols": ["A", "B"]}, b"\x02", [b"\x82\x00"]),
        (["null", "int"], b"\x02\x02", [b"\x82\x00\x02"]),
        ("float", b"\x00\x00\x80\x3f", [b"\x01\x00\x80\x7f"]),
    ],
)
def test_unusual_forms_are_for_the_slow_path_which_reads_them(field_type, usual, unusual):
    scan = of(field_type)
    assert scan.takes(usual)
    for payload in unusual:
        assert not scan.takes(payload)
        scan.codec.decode(payload)


@pytest.mark.parametrize(
    ("field_type", "payload"),
    [
        ("int", b"\xff\xff\xff\xff\x1f"),
        ("long", b"\xff" * 9 + b"\x02"),
        ("long", b"\xff" * 11),
        ("boolean", b"\x02"),
        ("string", b"\x02\xff"),
        ("string", b"\x01"),
        ("string", b"\x80"),
        ("bytes", b"\x06ab"),
        ("double", b"\x00" * 7),
        ({"type": "fixed", "name": "F", "size": 3}, b"ab"),
        ({"type": "enum", "name": "E", "symbols": ["A", "B"]}, b"\x04"),
        ({"type": "enum", "name": "E", "symbols": ["A", "B"]}, b"\x01"),
        (["null", "int"], b"\x04\x02"),
        ({"type": "array", "items": "int"}, b"\xfe\xff\xff\xff\x0f\x02"),
        ({"type": "map", "values": "int"}, b"\x04\x02a\x02\x02a\x02\x00"),
        ("int", b""),
        ("int", b"\x02\x02"),
    ],
)
def test_what_is_no_value_is_not_taken(field_type, payload):
    scan = of(field_type)
    assert not scan.takes(payload)
    with pytest.raises(RecordError):
        scan.codec.decode(payload)


def test_an_enum_of_many_symbols_takes_two_bytes():
    scan = of({"type": "enum", "name": "E", "symbols": [f"S{n}" for n in range(200)]})
    assert scan(scan.codec.encode({"f": "S199"})) == [b"\x8e\x03"]
    assert not scan.takes(b"\x90\x03")


def test_a_type_that_contains_itself_is_not_compiled():
    node = {"type": "record", "name": "Node", "fields": [{"name": "next", "type": ["null", "Node"]}]}
    resolved = tree(node)
    with pytest.raises(NotCompiled):
        scan_source(resolved, spans(resolved), [0])


def test_records_are_gone_into_and_what_lies_in_a_union_is_one_part():
    inner = {"type": "record", "name": "I", "fields": [{"name": "a", "type": "int"}, {"name": "b", "type": "int"}]}
    schema = {
        "type": "record",
        "name": "R",
        "fields": [{"name": "x", "type": inner}, {"name": "y", "type": ["null", "I"]}],
    }
    parts = {one.path: one for one in spans(tree(schema))}
    assert list(parts) == [("x", "a"), ("x", "b"), ("y",)]
    assert covering(parts, ("y", "a")) is parts["y",]
    assert covering(parts, ("z",)) is None


@given(st.integers(-(2**63), 2**63 - 1))
@example(-(2**63))
@example(63)
@example(64)
def test_numbers_are_read_and_written_as_the_codec_does(number):
    raw = Codec("long").encode(number)
    assert long_bytes(number) == raw
    assert number_at(raw + b"\x7f", 0) == (number, len(raw))


@given(st.binary(max_size=700))
def test_what_follows_from_a_size_is_the_same_for_every_value(value):
    head, pad = SEALED[len(value)]
    assert value + pad == padded(value)
    sealed = Sealed(bytes(HANDLE_BYTES), bytes(NONCE_BYTES), bytes(len(value + pad) + TAG_BYTES)).to_bytes()
    assert head + sealed[1:] == Codec("bytes").encode(sealed)
    assert SIZES[len(value)] + value == Codec("bytes").encode(value)


@given(st.integers(0, 2**62))
def test_sizes_in_two_bytes_and_more_are_read_as_the_codec_does(size):
    assert size_at(long_bytes(size) + b"\x7f", 0) == (size, len(long_bytes(size)))
    with pytest.raises(Unusual):
        size_at(long_bytes(-1 - size), 0)


@given(st.integers(-(2**63), 2**63 - 1))
def test_a_number_that_the_scan_found_is_read_as_the_codec_does(number):
    assert whole_at(b"\x01" + Codec("long").encode(number), 1) == number


def test_source_shows_names_and_not_what_they_stand_for():
    source = SourceText("def f():")
    name = source.constant("KEY of a person", b"secret")
    source.add(f"return {name}")
    assert "secret" not in source.text()
    assert source.function("f", {})() == b"secret"
    assert source.constant("KEY of a person", b"other") != name
