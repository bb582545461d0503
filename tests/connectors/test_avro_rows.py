"""Avro containers: no length in them is believed, and no bytes end the process."""

import hashlib
import json
import zlib
from io import BytesIO
from typing import Any

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.connectors.files import avro_container
from penstock.connectors.files.avro_rows import avro_rows
from penstock.connectors.files.rows import Row

SCHEMA: dict[str, Any] = {
    "type": "record",
    "name": "Payment",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "cents", "type": ["null", "long"]},
        {"name": "tags", "type": {"type": "map", "values": {"type": "array", "items": "string"}}},
        {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["A", "B"]}},
        {"name": "hash", "type": {"type": "fixed", "name": "Hash", "size": 4}},
        {"name": "rate", "type": "double"},
        {"name": "ok", "type": "boolean"},
    ],
}
ROWS = [
    {
        "id": f"e-{n}",
        "cents": n or None,
        "tags": {"t": ["x"] * n},
        "kind": "B",
        "hash": b"abcd",
        "rate": 1.5,
        "ok": True,
    }
    for n in range(8)
]
SYNC = b"s" * 16


def container(rows: list[dict[str, Any]], codec: str = "null", schema: Any = None, interval: int = 60) -> bytes:
    out = BytesIO()
    fastavro.writer(out, schema or SCHEMA, rows, codec=codec, sync_interval=interval, sync_marker=SYNC)
    return out.getvalue()


def read(data: bytes, limit: int = 1 << 20) -> list[Row]:
    return list(avro_rows(BytesIO(data), limit))


def blocks(data: bytes) -> list[bytes]:
    """Return the header and each block of a container, every one with its sync marker."""
    return [part + SYNC for part in data.split(SYNC)[:-1]]


def long(number: int) -> bytes:
    number = (number << 1) ^ (number >> 63)
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out) + bytes([number])


def one_block(body: bytes, count: int = 1, schema: Any = None) -> bytes:
    return blocks(container([], schema=schema))[0] + long(count) + long(len(body)) + body + SYNC


def record(**changes: Any) -> bytes:
    out = BytesIO()
    fastavro.schemaless_writer(out, SCHEMA, {**ROWS[1], **changes})
    return out.getvalue()


@pytest.mark.parametrize("codec", ["null", "deflate", "bzip2", "xz", "snappy"])
@pytest.mark.parametrize("interval", [1, 60, 16_000])
def test_rows_of_every_codec(codec: str, interval: int) -> None:
    assert [row.value for row in read(container(ROWS, codec, interval=interval))] == ROWS


def test_logical_types_come_in_their_physical_form() -> None:
    schema = {
        "type": "record",
        "name": "R",
        "fields": [{"name": "day", "type": {"type": "int", "logicalType": "date"}}],
    }
    assert [row.value for row in read(container([{"day": 3}], schema=schema))] == [{"day": 3}]


def test_a_truncated_file_gives_its_whole_blocks_and_one_refusal() -> None:
    data = container(ROWS)
    head, *body = blocks(data)
    assert len(body) > 2
    for cut in range(1, len(data)):
        rows = read(data[:cut])
        whole = [row.value for row in rows if row.refusal is None]
        assert whole == ROWS[: len(whole)]
        ends = {len(head)} | {len(head + b"".join(body[: n + 1])) for n in range(len(body))}
        refused = [row for row in rows if row.refusal]
        assert [row.refusal for row in refused] == ([] if cut in ends else ["avro"])
        if refused:
            assert refused == rows[-1:]
            assert refused[0].keep_file
            start = max((end for end in ends if end <= cut), default=0)
            digest = hashlib.sha256(data[start:cut]).hexdigest()
            assert refused[0].detail.endswith(f"unread from byte {start} on, sha256={digest} bytes={cut - start}")


@pytest.mark.parametrize(
    "lie",
    [
        long(2) + long(1 << 60) + b"x" * 30 + SYNC,
        long(2) + long(-5) + b"x" * 30 + SYNC,
        long(-2) + long(30) + b"x" * 30 + SYNC,
        long(1 << 60) + long(30) + b"x" * 30 + SYNC,
        b"\xff" * 30 + SYNC,
        long(1) + long(len(record())) + record() + b"t" * 16,
        long(2) + long(len(record())) + record() + SYNC,
        long(1) + long(len(record()) + 3) + record() + b"xyz" + SYNC,
        long(1) + long(12) + long(1 << 40) + b"x" * 6 + SYNC,
        long(2) + long(2 * len(record())) + record() + long(90) + record()[1:] + SYNC,
    ],
)
def test_a_lying_length_refuses_the_remainder_and_none_of_that_block_goes_on(lie: bytes) -> None:
    head = blocks(container([]))[0]
    good = one_block(record())[len(head) :]
    first, refused = read(head + good + lie + good)
    assert first.value == ROWS[1]
    assert (refused.refusal, refused.value, refused.raw, refused.keep_file) == ("avro", None, None, True)


def test_bad_text_in_one_record_refuses_that_record_alone() -> None:
    bad = record(id="zz").replace(b"zz", b"\xff\xff")
    first, refused, last = read(one_block(record() + bad + record(), 3))
    assert first.value == last.value == ROWS[1]
    assert (refused.refusal, refused.raw, refused.keep_file) == ("encoding", bad, False)


def test_an_impossible_value_refuses_that_record_alone() -> None:
    bad = record(kind="B").replace(b"\x02abcd", b"\x0eabcd")
    assert [row.refusal for row in read(one_block(record() + bad + record(), 3))] == [None, "avro", None]


def test_a_record_over_the_limit_leaves_digest_and_size_and_its_neighbours_go_on() -> None:
    giant = record(id="x" * 5000)
    first, refused, last = read(one_block(record() + giant + record(), 3), limit=1000)
    assert first.value == last.value == ROWS[1]
    digest = hashlib.sha256(giant).hexdigest()
    assert (refused.refusal, refused.detail) == ("too_large", f"sha256={digest} bytes={len(giant)}")
    assert refused.keep_file
    assert refused.raw is None


def test_a_block_that_unpacks_to_too_much_is_one_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(avro_container, "BLOCK_BYTES", 4000)
    head = blocks(container([], "deflate"))[0]
    squeeze = zlib.compressobj(wbits=-15)
    bomb = squeeze.compress(b"\0" * 1_000_000) + squeeze.flush()
    squeeze = zlib.compressobj(wbits=-15)
    good = squeeze.compress(record()) + squeeze.flush()
    data = head + b"".join(long(1) + long(len(part)) + part + SYNC for part in (good, bomb, good))
    first, refused, last = read(data)
    assert first.value == last.value == ROWS[1]
    assert (refused.refusal, refused.detail) == (
        "too_large",
        f"sha256={hashlib.sha256(bomb).hexdigest()} bytes={len(bomb)}",
    )


def test_a_packed_block_too_large_is_read_past(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(avro_container, "BLOCK_BYTES", 200)
    assert [
        row.refusal for row in read(one_block(record(id="x" * 300)) + one_block(record())[-len(record()) - 18 :])
    ] == [
        "too_large",
        None,
    ]


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "record", "name": "R", "fields": [{"name": "a", "type": {"type": "array", "items": "null"}}]},
        "string",
        {"type": "record", "name": "R", "fields": [{"name": "a", "type": "Unknown"}]},
    ],
)
def test_a_schema_that_is_not_usable_refuses_the_file(schema: Any) -> None:
    raw = json.dumps(schema).encode()
    data = b"Obj\x01" + long(1) + long(11) + b"avro.schema" + long(len(raw)) + raw + b"\0" + SYNC
    (row,) = read(data)
    assert (row.refusal, row.keep_file) == ("avro", True)


@pytest.mark.parametrize(
    "data",
    [
        b"Obj",
        b"PK\x03\x04",
        b"Obj\x01\x00" + SYNC,
        b"Obj\x01" + long(1) + long(1 << 40),
        b"Obj\x01" + long(1 << 50) + (long(1) + b"k" + long(1) + b"v") * 100,
        b"Obj\x01" + b"\xff" * 40,
    ],
)
def test_no_container_is_one_refusal(data: bytes) -> None:
    assert [row.refusal for row in read(data)] == ["avro"]


def test_deep_nesting_does_not_end_the_process() -> None:
    schema = {"type": "record", "name": "N", "fields": [{"name": "next", "type": ["null", "N"]}]}
    deep = b"\x02" * 200_000 + b"\x00"
    (row,) = read(one_block(deep, schema=schema))
    assert row.refusal == "avro"


@settings(max_examples=300)
@given(at=st.integers(0, 700), noise=st.binary(min_size=1, max_size=4))
def test_any_damage_gives_rows_or_refusals(at: int, noise: bytes) -> None:
    data = bytearray(container(ROWS))
    at %= len(data)
    data[at : at + len(noise)] = noise
    assert all((row.value is None) == (row.refusal is not None) for row in read(bytes(data)))
