"""NDJSON: one object a line; everything else is refused alone."""

import hashlib
import json
import tracemalloc
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.connectors.files.ndjson_rows import ndjson_rows
from penstock.connectors.files.rows import Row


def read(data: bytes, limit: int = 1 << 20) -> list[Row]:
    return list(ndjson_rows(BytesIO(data), limit))


@pytest.mark.parametrize(
    ("bad", "detail"),
    [
        (b'{"id":"\xff"}', "not valid UTF-8"),
        (b'{"id":', "not one JSON value (column 7)"),
        (b"{'id': 1}", "not one JSON value (column 2)"),
        (b'{"id":1}{"id":2}', "not one JSON value (column 9)"),
        (b'{"id":1,"id":2}', "repeated key"),
        (b'{"a":{"id":1,"id":1}}', "repeated key"),
        (b'{"id":NaN}', "not usable JSON"),
        (b'{"id":-Infinity}', "not usable JSON"),
        (b'{"id":1e999}', "out of range"),
        (b'{"id":' + b"9" * 5000 + b"}", "out of range"),
        (b"[" * 100_000, "too deep"),
        (b'{"id":"\\ud800"}', "not valid UTF-8"),
        (b'{"\\uD800":1}', "not valid UTF-8"),
        (b"[1]", "not a JSON object"),
        (b'"text"', "not a JSON object"),
        (b"null", "not a JSON object"),
        (b"\x00", "not one JSON value"),
    ],
)
def test_a_bad_line_is_refused_with_its_bytes_and_its_neighbours_go_on(bad: bytes, detail: str) -> None:
    first, refused, last = read(b'{"n":1}\n' + bad + b'\r\n{"n":2}\n')
    assert (first.value, last.value) == ({"n": 1}, {"n": 2})
    assert (refused.value, refused.refusal, refused.raw) == (None, "encoding", bad)
    assert detail in refused.detail


def test_no_detail_quotes_the_line() -> None:
    canary = b"canary4711"
    lines = [b'{"id":"%s"' % canary, b"%s" % canary, b'{"%s":1,"%s":1}' % (canary, canary), b'{"a":"\\%s"}' % canary]
    assert not any(canary.decode() in row.detail for row in read(b"\n".join(lines)))


def test_what_is_meant() -> None:
    pair = '{"a":"\\ud834\\udd1e","ä":{"b":[1,2.5,null,true]}}'
    assert [row.value for row in read(b"\xef\xbb\xbf" + pair.encode() + b"\r\n\n  \n{}")] == [
        {"a": "\U0001d11e", "ä": {"b": [1, 2.5, None, True]}},
        {},
    ]


def test_a_line_of_20_mb_is_read_past_without_being_held(tmp_path: Path) -> None:
    giant = b'{"id":"' + b"x" * (20 << 20) + b'"}\n'
    path = tmp_path / "a.ndjson"
    path.write_bytes(b'{"n":1}\n' + giant + b'{"n":2}\n')
    digest, size = hashlib.sha256(giant).hexdigest(), len(giant)
    del giant
    with path.open("rb") as stream:
        tracemalloc.start()
        first, refused, last = ndjson_rows(cast("BinaryIO", stream), 1 << 20)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert (first.value, last.value) == ({"n": 1}, {"n": 2})
    assert (refused.refusal, refused.raw, refused.keep_file) == ("too_large", None, True)
    assert refused.detail == f"sha256={digest} bytes={size}"
    assert peak < 4 << 20


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(
    rows=st.lists(st.dictionaries(st.text(max_size=5), JSON, max_size=3), max_size=6),
    form=st.sampled_from([{"ensure_ascii": True}, {"ensure_ascii": False}]),
)
def test_what_was_written_is_read_back(rows: list[dict[str, Any]], form: dict[str, bool]) -> None:
    data = "".join(json.dumps(row, **form) + "\n" for row in rows).encode()
    assert [row.value for row in read(data)] == rows


@given(data=st.binary(max_size=300))
def test_any_bytes_give_rows_or_refusals(data: bytes) -> None:
    assert all((row.value is None) == (row.refusal is not None) for row in read(data, limit=40))
