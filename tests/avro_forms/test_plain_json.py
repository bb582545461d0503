import base64
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from avro_strategies import record_schemas, values
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from penstock.schemas.avro_tree import tree
from penstock.schemas.codec import Codec, LogicalCodec
from penstock.schemas.errors import RecordError
from penstock.schemas.plain_json import Dropped, to_avro

MANY = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))


def logical(kind, name, **more):
    return {"type": kind, "logicalType": name, **more}


def record(*fields, name="R"):
    return {"type": "record", "name": name, "fields": [{"name": key, "type": kind} for key, kind in fields]}


def one(kind, value, *, text=False):
    """Convert a record of one field, and check that the codec takes what comes out."""
    schema = record(("f", kind))
    event = to_avro(schema, text=text)({"f": value})
    assert Codec(schema).decode(Codec(schema).encode(event)) == event
    return event["f"]


DATE, UUID = logical("int", "date"), logical("string", "uuid")
MILLIS, MICROS = logical("long", "timestamp-millis"), logical("long", "timestamp-micros")
LOCAL = logical("long", "local-timestamp-millis")
TIME = logical("int", "time-millis")
DECIMAL = logical("bytes", "decimal", precision=6, scale=2)
FIXED_DECIMAL = {"name": "D", "size": 4, **logical("fixed", "decimal", precision=6, scale=2)}
FIXED = {"type": "fixed", "name": "F", "size": 4}
ENUM = {"type": "enum", "name": "E", "symbols": ["A", "B"]}
ID = "123e4567-e89b-12d3-a456-426614174000"


@pytest.mark.parametrize(
    ("kind", "value", "wanted"),
    [
        ("boolean", True, True),
        ("int", -5, -5),
        ("double", 5, 5.0),
        ("float", 0.5, 0.5),
        ("string", "", ""),
        ("string", "ä", "ä"),
        ("bytes", base64.b64encode(b"\x00\xff").decode(), b"\x00\xff"),
        ("bytes", b"raw", b"raw"),
        (FIXED, "00ff00ff", b"\x00\xff\x00\xff"),
        (FIXED, base64.b64encode(b"\x00\xff\x00\xff").decode(), b"\x00\xff\x00\xff"),
        (FIXED, b"1234", b"1234"),
        (ENUM, "B", "B"),
        (UUID, ID.upper(), ID),
        ({"name": "U", "size": 16, **logical("fixed", "uuid")}, ID, bytes.fromhex(ID.replace("-", ""))),
        (DATE, "1970-01-02", 1),
        (DATE, "1969-12-31", -1),
        (DATE, "0001-01-01", -719162),
        (DATE, 20000, 20000),
        (MILLIS, "1970-01-01T00:00:01Z", 1000),
        (MILLIS, "1970-01-01T02:00:01.5+02:00", 1500),
        (MILLIS, "1969-12-31T23:59:59.999Z", -1),
        (MILLIS, "1970-01-01T00:00:00.001000Z", 1),
        (MILLIS, 7, 7),
        (MICROS, "1970-01-01T00:00:00.000001Z", 1),
        (LOCAL, "1970-01-01T00:00:01", 1000),
        (TIME, "23:59:59.999", 86_399_999),
        (TIME, "00:01", 60_000),
        (DECIMAL, "12.34", b"\x04\xd2"),
        (DECIMAL, "-12.34", b"\xfb\x2e"),
        (DECIMAL, "12.340", b"\x04\xd2"),
        (DECIMAL, 12, b"\x04\xb0"),
        (DECIMAL, 12.34, b"\x04\xd2"),
        (DECIMAL, Decimal("0.00"), b"\x00"),
        (DECIMAL, "-1.28", b"\x80"),
        (DECIMAL, "1.28", b"\x00\x80"),
        (DECIMAL, b"\x01", b"\x01"),
        (FIXED_DECIMAL, "-0.01", b"\xff\xff\xff\xff"),
        (["null", "int"], None, None),
        (["int", "null"], 3, 3),
        (["null", DATE], "1970-01-02", 1),
        (["null", "string", "long"], 5, 5),
        (["int", "long"], 5, ("int", 5)),
        (["double", "long"], 5, 5),
        (["null", ENUM, "string"], "B", ("E", "B")),
        (["null", ENUM, "string"], "C", ("string", "C")),
        (["null", ENUM, "string"], ("string", "A"), ("string", "A")),
        ({"type": "array", "items": DATE}, ["1970-01-02"], [1]),
        ({"type": "map", "values": ["null", DECIMAL]}, {"a": "0.01", "b": None}, {"a": b"\x01", "b": None}),
        (record(("g", DATE), name="S"), {"g": "1970-01-02"}, {"g": 1}),
        (["null", record(("g", "int"), name="S")], None, None),
    ],
)
def test_plain_json_becomes_its_physical_value(kind, value, wanted):
    found = one(kind, value)
    assert found == wanted
    assert type(found) is type(wanted)


@pytest.mark.parametrize(
    ("kind", "value", "wanted"),
    [
        ("boolean", "TRUE", True),
        ("int", "-5", -5),
        ("double", "5", 5.0),
        ("double", "-1.5e3", -1500.0),
        ("string", "", ""),
        (["null", "string"], "", None),
        (["null", "long"], "", None),
        (["null", "long"], "7", 7),
        (DATE, "1970-01-02", 1),
        (MILLIS, "1970-01-01T00:00:01Z", 1000),
        (MILLIS, "1000", 1000),
        (DECIMAL, "12.34", b"\x04\xd2"),
        (["null", "string", "long"], "7", 7),
        (["null", "string", "long"], "x", "x"),
        ({"type": "array", "items": "int"}, "[1, 2]", [1, 2]),
        ({"type": "map", "values": "int"}, '{"a": 1}', {"a": 1}),
        (["null", {"type": "map", "values": "int"}], "", None),
        (record(("g", "int"), name="S"), {"g": "1"}, {"g": 1}),
        (record(("g", "int"), name="S"), '{"g": 1}', {"g": 1}),
        (["null", record(("g", "int"), name="S")], {"g": ""}, None),
    ],
)
def test_text_becomes_its_physical_value(kind, value, wanted):
    found = one(kind, value, text=True)
    assert found == wanted
    assert type(found) is type(wanted)


SECRET = "4900201-nobody"


@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize(
    "kind",
    [
        "null",
        "boolean",
        "int",
        "long",
        "float",
        "double",
        "bytes",
        FIXED,
        ENUM,
        UUID,
        DATE,
        MILLIS,
        LOCAL,
        TIME,
        DECIMAL,
        FIXED_DECIMAL,
        ["null", "int"],
        ["int", "boolean"],
        {"type": "array", "items": "int"},
        {"type": "map", "values": "int"},
    ],
)
def test_a_value_that_does_not_fit_is_refused_by_field_and_never_quoted(kind, text):
    schema = record(("p", record(("f", kind), name="Inner")))
    with pytest.raises(RecordError, match=r"`p\.f` wants") as caught:
        to_avro(schema, text=text)({"p": {"f": SECRET}})
    assert caught.value.reason == "type"
    assert SECRET not in repr(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("int", True),
        ("int", 5.0),
        ("int", "5"),
        ("string", 5),
        ("double", float("nan")),
        ("double", float("inf")),
        ("double", "5"),
        ("boolean", 1),
        ("string", None),
        (DATE, "2026-02-30"),
        (DATE, "20260101"),
        (DATE, "2026-1-1"),
        (DATE, True),
        (MILLIS, "2026-01-01T00:00:00"),
        (MILLIS, "2026-01-01T00:00:00.0001Z"),
        (MILLIS, "2026-01-01T25:00:00Z"),
        (MILLIS, "0001-01-01T00:00:00+14:00"),
        (LOCAL, "2026-01-01T00:00:00Z"),
        (TIME, "24:00:00"),
        (TIME, "12:00:00.0001"),
        (DECIMAL, "12.345"),
        (DECIMAL, "12345.67"),
        (DECIMAL, "1e9999999"),
        (DECIMAL, "9" * 5000),
        (DECIMAL, float("nan")),
        (DECIMAL, Decimal("Infinity")),
        (DECIMAL, True),
        (FIXED, "00ff"),
        (FIXED, "zzzzzzzz"),
        (FIXED, b"12345"),
        ("bytes", "a"),
        ("bytes", "ä==="),
        (UUID, ID.replace("-", "")),
        (UUID, "{" + ID + "}"),
        ({"type": "array", "items": "int"}, {"a": 1}),
        ({"type": "map", "values": "int"}, {1: 1}),
        ({"type": "map", "values": "int"}, [1]),
        (record(("g", "int"), name="S"), [1]),
        (["null", record(("g", "int"), name="S")], "x"),
    ],
)
def test_what_is_nearly_right_is_refused(kind, value):
    with pytest.raises(RecordError) as caught:
        to_avro(record(("f", kind)))({"f": value})
    assert caught.value.reason == "type"


@pytest.mark.parametrize("kind", ["double", DECIMAL, "int"])
def test_a_huge_integer_is_refused(kind):
    for value in (10**400, 10**5000):
        with pytest.raises(RecordError) as caught:
            Codec(record(("f", kind))).encode(to_avro(record(("f", kind)))({"f": value}))
        assert caught.value.reason == "type"


def test_items_and_values_are_named_by_path():
    schema = record(("a", {"type": "array", "items": {"type": "map", "values": record(("x", "int"), name="S")}}))
    with pytest.raises(RecordError, match=r"`a\[\]\{\}\.x` wants"):
        to_avro(schema)({"a": [{"k": {"x": "no"}}]})


def test_unknown_and_missing_fields_are_refused_as_columns():
    convert = to_avro(record(("a", "int"), ("p", record(("b", "int"), name="S"))))
    for value, text in (
        ({"a": 1, "p": {"b": 1}, SECRET: 2}, "1 are others"),
        ({"p": {"b": 1}}, "`a` wants a value, and there is none"),
        ({"a": 1, "p": {}}, r"`p\.b` wants a value"),
        ({"a": 1, "p": {"b": 1, SECRET: 1}}, "`p` wants only fields that the contract knows"),
    ):
        with pytest.raises(RecordError, match=text) as caught:
            convert(value)
        assert caught.value.reason == "columns"
        assert SECRET not in str(caught.value)


def test_what_may_be_missing_is_filled_in():
    schema = {
        "type": "record",
        "name": "R",
        "fields": [
            {"name": "n", "type": ["null", "string"]},
            {"name": "d", "type": "long", "default": 7},
            {"name": "b", "type": "bytes", "default": "\u00ff"},
            {"name": "u", "type": ["string", "null"], "default": "x"},
            {"name": "m", "type": {"type": "map", "values": "double"}, "default": {"a": 1}},
            {"name": "l", "type": {"type": "array", "items": "int"}, "default": []},
            {
                "name": "r",
                "type": {"type": "record", "name": "S", "fields": [{"name": "x", "type": "float", "default": 2}]},
                "default": {},
            },
            {"name": "e", "type": ["int", "long"], "default": 3},
        ],
    }
    convert = to_avro(schema)
    event = convert({})
    assert event == {
        "n": None,
        "d": 7,
        "b": b"\xff",
        "u": "x",
        "m": {"a": 1.0},
        "l": [],
        "r": {"x": 2.0},
        "e": ("int", 3),
    }
    assert Codec(schema).decode(Codec(schema).encode(event)) == event
    event["l"].append(1)
    assert convert({})["l"] == []


INNER = record(("a", "int"), name="Inner")
OTHER = record(("b", "int"), ("c", ["null", "int"]), name="Other")
DEEP = record(
    ("id", "string"),
    ("one", INNER),
    ("many", {"type": "array", "items": "Inner"}),
    ("named", {"type": "map", "values": ["null", "Inner"]}),
    ("either", ["null", OTHER, {**record(("c", ["null", "int"]), name="Third")}]),
)
PLAIN = {"id": "x", "one": {"a": 1}, "many": [{"a": 2}], "named": {"k": {"a": 3}}, "either": {"c": 4}}


def test_fields_that_no_contract_knows_are_left_out_and_counted_where_that_is_wanted():
    dropped = Dropped()
    convert = to_avro(DEEP, dropped=dropped)
    plain = convert(PLAIN)
    assert dropped.count == 0
    assert plain["either"] == ("Third", {"c": 4})
    more = {"new": {"k": [1]}}
    with_more = {
        **PLAIN, **more, "one": {"a": 1, **more}, "many": [{"a": 2, **more, "x": 1}], "named": {"k": {"a": 3, **more}},
        "either": {"c": 4, **more},
    }  # fmt: skip
    assert convert(with_more) == {**plain, "either": ("Third", {"c": 4})}
    assert dropped.count == 6
    with pytest.raises(RecordError) as refused:
        to_avro(DEEP)(with_more)
    assert refused.value.reason == "columns"


def test_a_branch_that_knows_every_field_goes_before_one_that_leaves_some_out():
    dropped = Dropped()
    schema = record(("f", [record(("a", ["null", "int"]), name="S"), record(("b", "int"), name="T")]))
    assert to_avro(schema, dropped=dropped)({"f": {"b": 1}}) == {"f": ("T", {"b": 1})}
    assert dropped.count == 0
    assert to_avro(schema, dropped=dropped)({"f": {"b": 1, "x": 2}}) == {"f": ("S", {"a": None})}
    assert dropped.count == 2


def test_unknown_columns_and_cells_are_left_out():
    dropped = Dropped()
    schema = record(("id", "string"), ("one", INNER))
    assert to_avro(schema, text=True, dropped=dropped)({"id": "x", "y": "1", "one": '{"a": 1, "z": 2}'}) == {
        "id": "x", "one": {"a": 1}
    }  # fmt: skip
    assert dropped.count == 2


@MANY
@given(st.data())
def test_a_physical_event_stays_as_it_is(data):
    """Avro containers deliver physical values: converting them again changes nothing."""
    narrow = ("decimal", "uuid", "date", "time-", "timestamp-")
    schema = data.draw(record_schemas().filter(lambda made: not any(name in str(made) for name in narrow)))
    resolved = tree(schema)
    event = data.draw(values(resolved, resolved.root))
    assume("inf" not in repr(event))
    assert to_avro(schema)(event) == event


EDGES = [0, -719_162, 2_932_896, -62_135_596_800, 253_402_300_800, 86_400]


@MANY
@given(
    st.sampled_from([DATE, MILLIS, MICROS, LOCAL, TIME, logical("long", "time-micros")]),
    st.integers(-(2**63), 2**63 - 1)
    | st.builds(lambda edge, unit, near: edge * unit + near, st.sampled_from(EDGES), st.sampled_from([1, 10**3, 10**6]),
                st.integers(-1, 1)),
)  # fmt: skip
def test_an_instant_is_taken_if_a_stock_deserialiser_can_read_it(kind, value):
    """fastavro, which clients of Kafka use, is the judge of what its calendar has (it reads times before midnight)."""
    assume(kind["type"] == "long" or -(2**31) <= value < 2**31)
    assume(value >= 0 or not kind["logicalType"].startswith("time-"))
    schema = record(("f", kind))
    data = Codec(schema).encode({"f": value})
    assert succeeds(to_avro(schema), {"f": value}) == succeeds(LogicalCodec(schema).decode, data)


def succeeds(work, given):
    try:
        work(given)
    except RecordError as refused:
        return refused.reason not in {"type", "avro"}
    return True


@pytest.mark.parametrize("value", [-1, 86_400_000])
def test_a_time_that_no_day_has_is_refused(value):
    with pytest.raises(RecordError, match="`f` wants a date or time that the calendar has, in the years 1 to 9999"):
        to_avro(record(("f", TIME)))({"f": value})


def test_a_logical_type_that_nobody_knows_is_its_plain_type():
    assert to_avro(record(("f", logical("long", "timestamp-weeks"))))({"f": 2**62}) == {"f": 2**62}


@pytest.mark.parametrize("text", ["253402300800000", "-62135596800001"])
def test_an_impossible_instant_in_a_column_is_refused(text):
    with pytest.raises(RecordError, match="years 1 to 9999"):
        to_avro(record(("f", MILLIS)), text=True)({"f": text})


def test_an_impossible_instant_in_a_branch_that_the_source_names_is_refused():
    """An Avro container gives a union's value with its branch."""
    kind = record(("f", ["int", MILLIS]))
    assert to_avro(kind)({"f": ("long", 5)}) == {"f": ("long", 5)}
    with pytest.raises(RecordError, match="years 1 to 9999"):
        to_avro(kind)({"f": ("long", 2**60)})


@given(st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)), st.integers(-14 * 60, 14 * 60))  # noqa: DTZ001
def test_an_instant_is_read_as_a_recipient_reads_it_back(naive, minutes):
    instant = naive.replace(microsecond=naive.microsecond // 1000 * 1000, tzinfo=UTC)
    offset = timedelta(minutes=abs(minutes))
    zone = f"{'-' if minutes < 0 else '+'}{offset.seconds // 3600:02}:{offset.seconds // 60 % 60:02}"
    shifted = naive.replace(microsecond=instant.microsecond) + timedelta(minutes=minutes)
    schema = record(("f", MILLIS))
    event = to_avro(schema)({"f": shifted.isoformat() + zone})
    assert LogicalCodec(schema).decode(Codec(schema).encode(event))["f"] == instant


@given(st.decimals(min_value=-9999, max_value=9999, places=2))
def test_a_decimal_is_read_as_a_recipient_reads_it_back(number):
    schema = record(("f", DECIMAL), ("g", FIXED_DECIMAL))
    event = to_avro(schema)({"f": str(number), "g": number})
    read = LogicalCodec(schema).decode(Codec(schema).encode(event))
    assert read == {"f": number, "g": number}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@MANY
@given(record_schemas(), JSON, st.booleans(), st.data())
def test_any_json_is_converted_or_refused(schema, value, text, data):
    if isinstance(value, dict):
        names = [field["name"] for field in schema["fields"]]
        value = {name: data.draw(JSON) for name in names} | value
    try:
        to_avro(schema, text=text)(json.loads(json.dumps(value)))
    except RecordError as error:
        refused = error.reason
    else:
        refused = None
    assert refused in {None, "type", "columns"}
