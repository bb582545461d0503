"""Mask, generalise and noise: each on its own, with the edges of its types."""

import itertools
import json
import math
from collections import Counter
from datetime import UTC, date, datetime
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.processors.generalise import day_number, generalising, year_and_month
from penstock.processors.mask import masking
from penstock.processors.noise import NoiseScope, mechanism
from penstock.schemas.avro_paths import leaves
from penstock.schemas.encrypted import field_step
from penstock.schemas.errors import DocumentError, RecordError
from penstock.schemas.safeguard import Generalise, Mask, Noise

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "noise.json").read_text())
EPOCH = date(1970, 1, 1).toordinal()
DATE = {"type": "int", "logicalType": "date"}
MILLIS = {"type": "long", "logicalType": "timestamp-millis"}
MICROS = {"type": "long", "logicalType": "local-timestamp-micros"}


def leaf(avro):
    return leaves({"type": "record", "name": "R", "fields": [{"name": "f", "type": avro}]})["f"]


def coarse(avro, **rule):
    return generalising(Generalise(do="generalise", **rule), leaf(avro))


# --- mask -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "keep", "side", "expected"),
    [
        ("truncate", 2, "start", "öä"),
        ("truncate", 2, "end", "67"),
        ("truncate", 0, "start", ""),
        ("truncate", 0, "end", ""),
        ("redact", 2, "start", "öä****"),
        ("redact", 2, "end", "****67"),
        ("redact", 0, "end", "******"),
        ("redact", 6, "end", "öäü567"),
        ("truncate", 9, "end", "öäü567"),
    ],
)
def test_mask(how, keep, side, expected):
    assert masking(Mask(do="mask", how=how, keep=keep, side=side))("öäü567") == expected


@given(st.text(), st.integers(0, 10), st.sampled_from(["start", "end"]))
def test_redacting_keeps_the_length_and_shows_no_more_than_it_may(text, keep, side):
    found = masking(Mask(do="mask", how="redact", keep=keep, side=side))(text)
    assert len(found) == len(text)
    hidden = found[keep:] if side == "start" else found[: max(len(text) - keep, 0)]
    assert set(hidden) <= {"*"}


# --- generalise -------------------------------------------------------------------------------------------------------


@given(st.dates())
def test_dates_go_to_their_first_day(day):
    number = day.toordinal() - EPOCH
    assert coarse(DATE, to="year")(number) == date(day.year, 1, 1).toordinal() - EPOCH
    assert coarse(DATE, to="month")(number) == date(day.year, day.month, 1).toordinal() - EPOCH


@given(st.datetimes(), st.sampled_from(["year", "month"]))
def test_timestamps_go_to_their_first_instant(moment, to):
    micros = (moment - datetime(1970, 1, 1)) // (datetime.resolution)  # noqa: DTZ001 - arithmetic without zones
    first = datetime(moment.year, moment.month if to == "month" else 1, 1, tzinfo=UTC)
    expected = (first - datetime(1970, 1, 1, tzinfo=UTC)) // datetime.resolution
    assert coarse(MICROS, to=to)(micros) == expected
    assert coarse(MILLIS, to=to)(micros // 1000) == expected // 1000


@given(st.datetimes(), st.sampled_from(["day", "hour"]))
def test_timestamps_go_to_the_first_instant_of_the_day_or_hour(moment, to):
    micros = (moment - datetime(1970, 1, 1)) // (datetime.resolution)  # noqa: DTZ001 - arithmetic without zones
    first = datetime(moment.year, moment.month, moment.day, moment.hour if to == "hour" else 0, tzinfo=UTC)
    expected = (first - datetime(1970, 1, 1, tzinfo=UTC)) // datetime.resolution
    assert coarse(MICROS, to=to)(micros) == expected
    assert coarse(MILLIS, to=to)(micros // 1000) == expected // 1000
    assert coarse(MICROS, to=to)(-(2**63)) == -(2**63)


@given(st.integers(-(2**31), 2**31 - 1))
def test_dates_outside_of_pythons_calendar_work_too(number):
    year, month = year_and_month(number)
    assert day_number(year, month) <= number < day_number(year + month // 12, month % 12 + 1)
    assert -(2**31) <= coarse(DATE, to="year")(number) <= number


def test_the_leap_day_is_in_february():
    leap = date(2024, 2, 29).toordinal() - EPOCH
    assert coarse(DATE, to="month")(leap) == date(2024, 2, 1).toordinal() - EPOCH
    assert year_and_month(leap + 1) == (2024, 3)


@given(st.integers(-(2**63), 2**63 - 1), st.sampled_from([1, 7, 100, 10**6]))
def test_whole_numbers_go_exactly_to_the_lower_bound(value, size):
    found = coarse("long", to="bucket", size=size)(value)
    assert -(2**63) <= found <= value
    assert value - found < size
    assert found % size == 0 or found == -(2**63)


def test_buckets_of_negative_numbers_go_down():
    assert [coarse("int", to="bucket", size=10)(value) for value in (-11, -10, -1, 0, 9)] == [-20, -10, -10, 0, 0]
    assert coarse("double", to="bucket", size=2.5)(-0.1) == -2.5


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from([0.1, 0.5, 3.0, 1e-3, 1e9]))
def test_doubles_go_to_the_lower_bound_of_the_written_size(value, size):
    found, width = coarse("double", to="bucket", size=size)(value), Fraction(str(size))
    bound = math.floor(Fraction(value) / width) * width
    assert found == float(bound)
    assert bound <= Fraction(value) < bound + width


def test_grid_gives_the_centre_of_the_cell():
    grid = coarse("double", to="grid", size=0.1)
    assert [grid(value) for value in (59.4370, 59.4, -0.01, 0.0)] == [59.45, 59.35, -0.05, 0.05]
    assert coarse(["null", "float"], to="grid", size=0.5)(24.75) == 24.75


def test_decimals_have_buckets():
    cents = {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}
    bucket = coarse(["null", cents], to="bucket", size=10)
    unscaled = [
        int.from_bytes(bucket(value.to_bytes(4, "big", signed=True)), "big", signed=True)
        for value in (123456, 0, -1, 999)
    ]
    assert unscaled == [123000, 0, -1000, 0]
    fixed = {"type": "fixed", "name": "F", "size": 2, "logicalType": "decimal", "precision": 4, "scale": 0}
    lowest = coarse(fixed, to="bucket", size=1000)((-32768).to_bytes(2, "big", signed=True))
    assert lowest == (-32768).to_bytes(2, "big", signed=True)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_finite_number_lies_in_no_bucket(value):
    with pytest.raises(RecordError, match="no finite number"):
        coarse("double", to="bucket", size=1)(value)


@pytest.mark.parametrize(
    ("avro", "rule"),
    [
        ("string", {"to": "year"}),
        (DATE, {"to": "hour"}),
        ("long", {"to": "day"}),
        ("long", {"to": "month"}),
        ("long", {"to": "bucket"}),
        ("long", {"to": "bucket", "size": 0.5}),
        ("long", {"to": "grid", "size": 1}),
        ("string", {"to": "bucket", "size": 1}),
        ({"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}, {"to": "bucket", "size": 0.001}),
    ],
)
def test_a_rule_that_does_not_fit_its_type_is_refused(avro, rule):
    with pytest.raises(DocumentError) as caught:
        coarse(avro, **rule)
    assert caught.value.remedy
    assert caught.value.place == "f"


# --- noise ------------------------------------------------------------------------------------------------------------

SECRET = bytes(range(32))
SCOPE = NoiseScope("a", "d", 1)
PATH = (field_step("gross"),)


def noisy(value, avro="long", *, secret=SECRET, scope=SCOPE, path=PATH, release="evt-1", **rule):
    said = {"do": "noise", "epsilon": 0.5, "sensitivity": 10, "clamp": (0, 1000)} | rule
    return mechanism(Noise.model_validate(said), leaf(avro)).released(value, secret, scope, path, release)


def test_golden_releases():
    """Made by another program from docs/wire.md."""
    for one in GOLDEN["releases"]:
        assert noisy(one["value"], release=one["release"]) == one["released"]


def test_a_retry_is_identical():
    assert {noisy(500) for _ in range(1000)} == {noisy(500)}


def test_whatever_differs_draws_independently():
    """Epsilon 1, then 2, then a corrected value; other agreements, fields, releases, secrets: no draw is shared."""
    variants = {
        "as it was": {},
        "epsilon": {"epsilon": 1.0},
        "sensitivity": {"sensitivity": 20},
        "clamp": {"clamp": (0, 1001)},
        "agreement": {"scope": NoiseScope("b", "d", 1)},
        "dataset": {"scope": NoiseScope("a", "e", 1)},
        "major": {"scope": NoiseScope("a", "d", 2)},
        "path": {"path": (field_step("net"),)},
        "secret": {"secret": bytes(32)},
        "value": {"value": 501},
    }
    draws = {}
    for name, changes in variants.items():
        said = {"value": 500} | changes
        draws[name] = [noisy(release=f"evt-{number}", **said) - said["value"] for number in range(200)]
    for one, other in itertools.combinations(draws.values(), 2):
        same = sum(a == b for a, b in zip(one, other, strict=True))
        assert same < 40, "independent draws at scale 20 agree in about one of forty"


def test_only_the_clamped_value_matters():
    assert noisy(1000) == noisy(5000) == noisy(2**62)
    assert noisy(0) == noisy(-7)


def test_the_scale_is_sensitivity_over_epsilon():
    draws = [noisy(500, release=str(number)) - 500 for number in range(4000)]
    mean_size = sum(map(abs, draws)) / len(draws)
    assert 18.5 < mean_size < 21.5, "discrete Laplace of scale 20 has mean size 20.0"
    assert abs(sum(draws) / len(draws)) < 2.5


@pytest.mark.parametrize(
    ("avro", "clamp", "edge"), [("int", (0, 2**31 - 1), 2**31 - 1), ("long", (-(2.0**63), 0), -(2**63))]
)
def test_results_stay_inside_the_type(avro, clamp, edge):
    found = Counter(noisy(edge, avro, clamp=clamp, sensitivity=1e6, release=str(number)) for number in range(40))
    assert found[edge] > 5
    assert all(abs(value) <= abs(edge) and isinstance(value, int) for value in found)


def test_doubles_are_released_as_multiples_of_the_step():
    for number in range(200):
        found = noisy(3.14159, "double", step=0.25, clamp=(0, 10), sensitivity=1, release=str(number))
        assert isinstance(found, float)
        assert (found / 0.25).is_integer()
    assert noisy(3.14159, "double", step=0.25, clamp=(0, 10)) == noisy(3.2, "double", step=0.25, clamp=(0, 10))
    assert noisy(math.inf, "double", step=0.25, clamp=(0, 10)) == noisy(10.0, "double", step=0.25, clamp=(0, 10))


def test_the_step_rounds_the_sensitivity_up():
    coarse_step = mechanism(Noise(do="noise", epsilon=1, sensitivity=1, clamp=(0, 10), step=0.3), leaf("double"))
    assert (coarse_step.scale, coarse_step.low, coarse_step.high) == (4, 0, 33)


def test_not_a_number_gets_no_noise():
    with pytest.raises(RecordError, match="no number"):
        noisy(math.nan, "double", step=1)


@pytest.mark.parametrize(
    ("avro", "rule"),
    [
        ("string", {}),
        (DATE, {}),
        ("double", {}),
        ("long", {"step": 5}),
        ("long", {"clamp": (10, 0)}),
        ("long", {"clamp": (0.2, 0.8)}),
    ],
)
def test_noise_that_does_not_fit_is_refused(avro, rule):
    with pytest.raises(DocumentError) as caught:
        noisy(1, avro, **rule)
    assert caught.value.remedy
