"""Quality rules: what breaks them, against a plain reading of each rule."""

from decimal import Decimal

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from view_world import contract_of, record

from penstock.processors.quality import every, flagger
from penstock.schemas.contract_quality import Future, Late, Quality, Range, Unit
from penstock.schemas.plain_json import to_avro

WHEN = {"type": "long", "logicalType": "timestamp-millis"}
DECIMAL = {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}
INNER = record(("v", ["null", "double"]), ("unit", "string"), name="Inner")
SCHEMA = record(
    ("id", "string"),
    ("at", WHEN),
    ("person", "string"),
    ("count", ["null", "long"]),
    ("price", ["null", DECIMAL]),
    ("one", ["null", INNER]),
    ("many", {"type": "array", "items": "Inner"}),
    ("named", {"type": "map", "values": ["null", "Inner"]}),
    ("ward", {"type": "enum", "name": "Ward", "symbols": ["A", "B"]}),
)
MINUTE_MS = 60_000
PLAIN = {
    "id": "e",
    "at": 0,
    "person": "p",
    "count": None,
    "price": None,
    "one": None,
    "many": [],
    "named": {},
    "ward": "A",
}
convert = to_avro(SCHEMA)


def flags(*rules, arrival_ms=0, schema=SCHEMA, **values):
    return flagger(contract_of(schema, quality=rules))(to_avro(schema)({**PLAIN, **values}), arrival_ms)


def at_field(path, **said):
    return Quality(path, Range(rule="range", **said))


TIMES = (Quality("", Late(rule="late", after="PT10M")), Quality("", Future(rule="future", after="PT1M")))


@given(st.integers(-(10**9), 10**9), st.integers(-(10**9), 10**9))
def test_late_and_future_are_told_from_event_time_and_arrival(at_ms, arrival_ms):
    wanted = ("late",) * (arrival_ms > at_ms + 10 * MINUTE_MS) + ("future",) * (at_ms > arrival_ms + MINUTE_MS)
    assert flags(*TIMES, at=at_ms, arrival_ms=arrival_ms) == wanted


@pytest.mark.parametrize(
    ("arrival_ms", "wanted"), [(600_000, ()), (600_001, ("late",)), (-60_000, ()), (-60_001, ("future",))]
)
def test_the_bounds_of_time_belong_to_what_is_in_time(arrival_ms, wanted):
    assert flags(*TIMES, arrival_ms=arrival_ms) == wanted


@pytest.mark.parametrize(("logical", "unit"), [("timestamp-micros", 1000), ("timestamp-millis", 1)])
def test_event_times_of_every_unit(logical, unit):
    schema = {**SCHEMA, "fields": [dict(one) for one in SCHEMA["fields"]]}
    schema["fields"][1]["type"] = {"type": "long", "logicalType": logical}
    assert flags(*TIMES, schema=schema, at=0, arrival_ms=600_001) == ("late",)
    assert flags(*TIMES, schema=schema, at=700_000 * unit, arrival_ms=700_000) == ()


@given(
    st.integers(-100, 100),
    st.none() | st.integers(-100, 100),
    st.none() | st.integers(-100, 100),
    st.sampled_from(["count", "price", "one.v"]),
)
def test_a_range_holds_its_bounds(value, low, high, path):
    assume((low, high) != (None, None))
    assume(low is None or high is None or low <= high)
    values = {"count": value} if path == "count" else {"price": value} if path == "price" else {}
    values = values or {"one": {"v": float(value), "unit": "x"}}
    broken = (low is not None and value < low) or (high is not None and value > high)
    assert flags(at_field(path, minimum=low, maximum=high), **values) == (f"range:{path}",) * broken


@example(Decimal("0.29"), "0.29")
@given(st.decimals("-999.99", "999.99", places=2), st.sampled_from(["-1.5", "0", "0.29", "0.57", "999.98"]))
def test_decimals_are_compared_exactly(value, bound):
    found = flags(at_field("price", maximum=float(bound)), price=value)
    assert found == ("range:price",) * (value > Decimal(bound))


def test_null_breaks_no_rule():
    rules = (
        at_field("count", minimum=1),
        at_field("one.v", minimum=1),
        Quality("one.unit", Unit(rule="unit", one_of=("x",))),
    )
    assert flags(*rules) == ()
    assert flags(*rules, one={"v": None, "unit": "x"}) == ()


def test_one_of_several_values_is_enough():
    rules = (
        at_field("many[].v", minimum=0),
        at_field("named{}.v", minimum=0),
        Quality("many[].unit", Unit(rule="unit", one_of=("ug/m3", "GQ"))),
    )
    good, bad = {"v": 1.0, "unit": "GQ"}, {"v": -1.0, "unit": "ppm"}
    assert flags(*rules, many=[good, good], named={"a": good, "b": None}) == ()
    assert flags(*rules, many=[good, bad]) == ("range:many[].v", "unit:many[].unit")
    assert flags(*rules, named={"a": good, "b": bad}) == ("range:named{}.v",)


def test_symbols_of_an_enum_are_texts():
    rule = Quality("ward", Unit(rule="unit", one_of=("B",)))
    assert (flags(rule), flags(rule, ward="B")) == (("unit:ward",), ())


def test_flags_are_sorted_and_each_stands_once():
    rules = (at_field("count", maximum=0), *TIMES, at_field("one.v", maximum=0))
    found = flags(*rules, arrival_ms=10**7, count=5, one={"v": 5.0, "unit": "x"})
    assert found == ("late", "range:count", "range:one.v")


def test_a_value_of_a_union_is_taken_without_its_branch():
    schema = record(("f", ["null", record(("g", ["null", "int", "long"]), name="S"), record(("h", "int"), name="T")]))
    assert list(every("f.g")({"f": ("S", {"g": ("long", 5)})})) == [5]
    assert schema
