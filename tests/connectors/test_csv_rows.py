"""CSV: what is a row, what is refused and why, and that nothing of one row ends up in another."""

import csv
import hashlib
import tracemalloc
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from view_world import contract_of

from penstock.connectors.files.csv_columns import listed, of_contract
from penstock.connectors.files.csv_rows import CsvForm, csv_rows
from penstock.connectors.files.rows import Row
from penstock.schemas.errors import RecordError
from penstock.schemas.plain_json import to_avro

LIMIT = 1 << 20


def read(data: bytes, limit: int = LIMIT, **form: Any) -> list[Row]:
    if "required" in form:
        form["judge"] = listed(form.pop("required"), form.pop("optional", ()))
    return list(csv_rows(BytesIO(data), limit, CsvForm(**form)))


def values(data: bytes, **form: Any) -> list[Any]:
    rows = read(data, **form)
    assert [row.refusal for row in rows] == [None] * len(rows)
    return [row.value for row in rows]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"a,b\n1,2\n", [{"a": "1", "b": "2"}]),
        (b"a,b\r\n1,2\r\n3,4", [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]),
        (b"\xef\xbb\xbfa,b\n1,2\n", [{"a": "1", "b": "2"}]),
        (b'a,b\n"1\r\nx, ""y""",2\n3,4\n', [{"a": '1\r\nx, "y"', "b": "2"}, {"a": "3", "b": "4"}]),
        (b'a,b\n"",\n', [{"a": "", "b": ""}]),
        (b'a,b\n5" pipe,x"y\n', [{"a": '5" pipe', "b": 'x"y'}]),
        (b"\n\na\n\n1\n\r\n2\n", [{"a": "1"}, {"a": "2"}]),
        ("näme\nõü€𝄞\n".encode(), [{"näme": "õü€𝄞"}]),
        (b"id,payee.id,payee.name.first\n1,2,x\n", [{"id": "1", "payee": {"id": "2", "name": {"first": "x"}}}]),
    ],
)
def test_rows_as_they_are_meant(data: bytes, expected: list[Any]) -> None:
    assert values(data) == expected


def test_another_delimiter() -> None:
    assert values(b'a;b\n1,5;"x;y"\n', delimiter=";") == [{"a": "1,5", "b": "x;y"}]


@pytest.mark.parametrize(
    ("bad", "refusal", "detail"),
    [
        (b"1,2,3", "columns", "3 columns, the header has 2"),
        (b"1", "columns", "1 columns, the header has 2"),
        (b"\xff,2", "encoding", "not valid UTF-8"),
        (b'"\xc3",2', "encoding", "not valid UTF-8"),
        (b'"1"x,2', "encoding", "closing quote"),
        (b"1\r2,3", "encoding", "carriage return"),
        (b'1\r2,"3"', "encoding", "carriage return"),
    ],
)
def test_a_bad_row_is_refused_with_its_bytes_and_its_neighbours_go_on(bad: bytes, refusal: str, detail: str) -> None:
    first, refused, last = read(b"a,b\n1,2\n" + bad + b"\r\n3,4\n")
    assert (first.value, last.value) == ({"a": "1", "b": "2"}, {"a": "3", "b": "4"})
    assert (refused.value, refused.refusal, refused.raw) == (None, refusal, bad)
    assert detail in refused.detail
    assert not refused.keep_file


@pytest.mark.parametrize(
    ("header", "form", "refusal", "detail"),
    [
        (b"id,extra", {"required": ["id"]}, "columns", "has 1 that the contract does not know"),
        (b"id", {"required": ["id", "cents", "at"]}, "columns", "lacks at, cents"),
        (b"id,id", {}, "columns", "repeated"),
        (b"id,", {}, "columns", "empty"),
        (b"payee,payee.id", {}, "columns", "inside another"),
        (b"id\xff", {}, "encoding", "UTF-8"),
        (b'"id', {}, "encoding", "never closed"),
        (b"id," + b"x" * 200, {}, "too_large", "sha256="),
    ],
)
def test_a_wrong_header_is_the_only_row_of_its_file(
    header: bytes, form: dict[str, Any], refusal: str, detail: str
) -> None:
    (row,) = read(header + b"\n1,2\n3,4\n", limit=100, **form)
    assert (row.value, row.refusal, row.place, row.keep_file) == (None, refusal, "line 1", True)
    assert detail in row.detail


def test_columns_may_be_in_any_order_and_optional_ones_absent() -> None:
    form = {"required": ["a", "b"], "optional": ["c"]}
    assert values(b"b,a\n1,2\n", **form) == [{"b": "1", "a": "2"}]
    assert values(b"c,b,a\n0,1,2\n", **form) == [{"c": "0", "b": "1", "a": "2"}]


def test_a_quote_never_closed_takes_the_rest_as_one_refusal() -> None:
    first, refused = read(b'a,b\n1,2\n"3,4\n5,6\n7,8\n')
    assert first.value == {"a": "1", "b": "2"}
    assert (refused.refusal, refused.raw, refused.keep_file) == ("encoding", b'"3,4\n5,6\n7,8', True)


def test_a_line_of_20_mb_is_read_past_without_being_held(tmp_path: Path) -> None:
    giant = b'"' + (b"x" * 511 + b"\n") * (40 << 10) + b'"' + b",2\r\n"
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b\n1,2\n" + giant + b"3,4\n")
    digest, size = hashlib.sha256(giant).hexdigest(), len(giant)
    del giant
    with path.open("rb") as stream:
        tracemalloc.start()
        first, refused, last = csv_rows(cast("BinaryIO", stream), LIMIT, CsvForm())
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert (first.value, last.value) == ({"a": "1", "b": "2"}, {"a": "3", "b": "4"})
    assert (refused.refusal, refused.raw, refused.keep_file) == ("too_large", None, True)
    assert refused.detail == f"sha256={digest} bytes={size}"
    assert peak < 4 << 20


def test_the_limit_is_the_size_with_the_line_end() -> None:
    assert [row.refusal for row in read(b"a\n" + b"x" * 9 + b"\n" + b"x" * 10 + b"\n", limit=10)] == [None, "too_large"]


CELL = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)


@given(rows=st.lists(st.lists(CELL, min_size=2, max_size=2), max_size=8), end=st.sampled_from(["\n", "\r\n"]))
@example(rows=[["\r", "\n"], ['"', ""], [",", " "]], end="\r\n")
def test_what_the_standard_library_writes_is_read_back(rows: list[list[str]], end: str) -> None:
    out = StringIO(newline="")
    csv.writer(out, lineterminator=end, quoting=csv.QUOTE_ALL).writerows([["a", "b"], *rows])
    assert values(out.getvalue().encode()) == [{"a": first, "b": second} for first, second in rows]


@given(data=st.binary(max_size=200) | st.text('a,"\r\n', max_size=60).map(str.encode))
def test_any_bytes_give_rows_or_refusals_that_account_for_every_byte(data: bytes) -> None:
    rows = read(b"a,b\n" + data, limit=32)
    assert all((row.value is None) == (row.refusal is not None) for row in rows)
    skipped = len(data) - sum(row.size for row in rows)
    assert 0 <= skipped <= sum(len(line) for line in data.split(b"\n") if not line.strip()) + data.count(b"\n")


@given(data=st.text('ab,"\r\n', max_size=60).map(str.encode), cuts=st.integers(1, 7))
def test_where_pieces_are_cut_makes_no_difference(data: bytes, cuts: int) -> None:
    class Crumbs(BytesIO):
        def readline(self, size: int | None = -1, /) -> bytes:
            return super().readline(min(size or cuts, cuts))

    whole = read(b"a,b\n" + data)
    assert list(csv_rows(Crumbs(b"a,b\n" + data), LIMIT, CsvForm())) == whole


NESTED = {
    "type": "record",
    "name": "R",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "note", "type": ["null", "string"]},
        {"name": "kind", "type": "string", "default": "x"},
        {"name": "tags", "type": {"type": "array", "items": "string"}},
        {
            "name": "payee",
            "type": {
                "type": "record",
                "name": "P",
                "fields": [{"name": "code", "type": "string"}, {"name": "name", "type": ["null", "string"]}],
            },
        },
        {
            "name": "place",
            "type": ["null", {"type": "record", "name": "Q", "fields": [{"name": "x", "type": "double"}]}],
        },
    ],
}


@pytest.mark.parametrize(
    ("header", "wrong"),
    [
        ("id,tags,payee.code", ""),
        ("id,tags,payee,place", ""),
        ("id,note,kind,tags,payee.code,payee.name,place.x", ""),
        ("id,payee.code", "the header lacks tags"),
        ("id,tags", "the header lacks payee.code"),
        ("id,tags,payee.name", "the header lacks payee.code"),
        ("id,tags,payee,other", "the header has 1 that the contract does not know"),
        ("id,payee,place.y", "the header lacks place.x, tags and has 1 that the contract does not know"),
        ("id,tags,payee,note.x", "the header has 1 that the contract does not know"),
    ],
)
def test_a_contract_says_which_columns_its_rows_may_have(header: str, wrong: str) -> None:
    judge = of_contract(contract_of(NESTED, subject=None))
    rows = read(f"{header}\n".encode(), judge=judge)
    assert [(row.detail, row.keep_file) for row in rows] == ([(wrong, True)] if wrong else [])


def test_a_contract_that_drops_unknown_fields_lets_unknown_columns_pass() -> None:
    judge = of_contract(contract_of(NESTED, subject=None, drops_unknown=True))
    assert read(b"id,tags,payee,other\n", judge=judge) == []


@given(st.data())
def test_a_header_is_refused_only_where_no_row_under_it_could_be_an_event(data: st.DataObject) -> None:
    """Judge against the converter itself: with every cell filled well, it takes exactly the headers that pass."""
    cells = {"id": "a", "note": "b", "kind": "c", "tags": "[]", "payee": '{"code": "d"}', "payee.code": "d",
             "payee.name": "e", "place": '{"x": 1}', "place.x": "1", "other": "f"}  # fmt: skip
    names = data.draw(st.lists(st.sampled_from(sorted(cells)), min_size=1, unique=True))
    if any(name.startswith(f"{other}.") for name in names for other in names):
        return
    line = ",".join('"' + cells[name].replace('"', '""') + '"' for name in names)
    (row,) = read(f"{','.join(names)}\n{line}\n".encode())
    passes = of_contract(contract_of(NESTED, subject=None))(names) == ""
    try:
        to_avro(NESTED, text=True)(row.value or {})
    except RecordError:
        assert not passes
    else:
        assert passes
