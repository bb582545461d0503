"""The compiled back end: which one runs, what it opens, and that it holds no key once it was told to forget."""

import json
import math
import struct
import sys
from pathlib import Path
from random import Random
from types import SimpleNamespace

import pytest

from native import require_native
from penstock.ops.documents.load import load
from penstock.ops.rehearsal import Rehearsal
from penstock.processors import back_end as choice
from penstock.processors.back_end import back_end
from penstock.processors.compiled.plan import Seal
from penstock.processors.encrypt import BulkKey
from penstock.processors.generalise import generalising
from penstock.processors.native import program
from penstock.processors.native.extension import extension
from penstock.processors.noise import NoiseScope, mechanism, place_of
from penstock.processors.nonces import Nonces
from penstock.schemas.avro_paths import Leaf
from penstock.schemas.errors import ConfigurationError, KeyUnavailableError
from penstock.schemas.safeguard import Generalise, Noise

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "wycheproof_aes_256_gcm.json").read_text())["tests"]


@pytest.fixture
def penstock_native():
    require_native()
    return extension()


@pytest.fixture
def asked_anew():
    extension.cache_clear()
    yield
    extension.cache_clear()


def test_wycheproof(penstock_native):
    for vector in VECTORS:
        key, nonce, aad, message, cipher, tag = (
            bytes.fromhex(vector[part]) for part in ("key", "iv", "aad", "msg", "ct", "tag")
        )
        opened = penstock_native.open_sealed(key, nonce, cipher + tag, aad)
        assert opened == (message if vector["result"] == "valid" else None), vector["tcId"]


def test_without_a_word_the_fastest_that_is_installed_runs(monkeypatch):
    monkeypatch.setattr(choice, "extension", lambda: None)
    assert (back_end(None), back_end("python"), back_end("slow")) == ("python", "python", "slow")
    monkeypatch.setattr(choice, "extension", object)
    assert (back_end(None), back_end("native"), back_end("python")) == ("native", "native", "python")


def test_one_that_is_named_and_not_installed_is_refused_with_a_remedy(monkeypatch):
    monkeypatch.setattr(choice, "extension", lambda: None)
    with pytest.raises(ConfigurationError) as refused:
        back_end("native")
    assert "make native" in refused.value.remedy


@pytest.mark.usefixtures("asked_anew")
def test_an_extension_of_another_form_is_not_used(monkeypatch):
    monkeypatch.setitem(sys.modules, "penstock_native", SimpleNamespace(FORM=99))
    assert extension() is None


@pytest.mark.usefixtures("asked_anew")
def test_a_missing_extension_is_none(monkeypatch):
    monkeypatch.setitem(sys.modules, "penstock_native", None)
    assert extension() is None


TEXT = (0, None, "text")
LONG = (1, None, "whole")
SEAL = ("seal", 0, 1, 0, b"before", b"after")
HEAD = b"\0\0\0\0\1"
EVENT = HEAD + b"\x02a\x04"
SECRET = b"s" * 32
SCOPE = NoiseScope("agreement", "data", 1)
KEY = (b"handle-8", b"k" * 32, "somebody", b"r" * 32)


def writer(*ops):
    views = [(b"\0\0\0\0\2", list(ops), None, 0, [])]
    return HEAD, [("string",), ("long",)], [0, 1, 2], (TEXT, LONG, 10, [(TEXT, True)]), views


def making(penstock_native, *ops, event=EVENT):
    scan = penstock_native.Lane([writer(*ops)], 1, 1_000).scan([(3, 0, event)], SECRET)
    return penstock_native.Making(scan, ["view"], [b"\0"], [[[KEY]]], [{}])


def test_a_record_is_made_for_the_partition_that_its_event_came_from(penstock_native):
    records, *place, taken, left, counts, sealed, short = making(penstock_native, ("copy", 1, 2), SEAL).run(
        (0, 0), 1, b"n" * 24, [None]
    )
    ((topic, partition, key, value),) = records
    assert (topic, partition, key) == ("view", 3, None)
    assert value.startswith(b"\0\0\0\0\2\x04")
    assert b"n" * 12 in value
    assert (place, taken, left, counts, sealed, short) == ([1, 0], 1, [0], [[1]], [[1]], False)


def test_what_it_cannot_make_it_stops_at(penstock_native):
    assert making(penstock_native, ("copy", 0, 7)).run((0, 0), 1, b"", [None])[:4] == ([], 0, 0, 0)


def test_for_want_of_nonces_it_stops_and_gives_back_those_of_the_record_at_hand(penstock_native):
    ran = making(penstock_native, SEAL, SEAL).run((0, 0), 1, b"n" * 12, [None])
    assert (ran[:4], ran[7]) == (([], 0, 0, 0), True)


def test_what_is_encrypted_inside_of_a_part_is_counted(penstock_native):
    inside = ("seal", ("string",), 0, b"before", b"middle", b"after")
    records, *_, taken, _, counts, sealed, _ = making(penstock_native, ("remade", 0, b"", inside)).run(
        (0, 0), 1, b"n" * 24, [None]
    )
    assert (len(records), taken, counts, sealed) == (1, 1, [[1]], [[1]])


REALS = (0.0, -0.0, 0.1, 0.3, -0.1, 5e-324, -5e-324, 2.5, -2.5, 59.43, 1e15, 4503599627370497.5, -(2.0**70), 1e-300)
SIZES = (0.01, 0.1, 1, 3, 0.5, 1e-05, 12.34, 100)


def reals(penstock_native, change, value, kind, noises=()):
    """Return the bytes that stand in place of a float or double; None where they are left to Python."""
    place = (1, None, kind)
    views = [(HEAD, [("in_place", place, None, change)], None, 0, list(noises))]
    parts = [("string",), (kind,), ("long",)]
    lane = penstock_native.Lane([(HEAD, parts, [0, 1, 2], (TEXT, (2, None, "whole"), 10, []), views)], 1, 1_000)
    data = HEAD + b"\x02a" + struct.pack("<d" if kind == "double" else "<f", value) + b"\x02"
    made = penstock_native.Making(lane.scan([(0, 0, data)], SECRET), ["view"], [b"\0"], [[[KEY]]], [{0: SECRET}])
    records = made.run((0, 0), 1, b"", [None])[0]
    return records[0][3][5:] if records else None


@pytest.mark.parametrize("kind", ["double", "float"])
@pytest.mark.parametrize("to", ["bucket", "grid"])
def test_doubles_are_generalised_bit_by_bit_as_in_python(penstock_native, kind, to):
    form, lot = struct.Struct("<d" if kind == "double" else "<f"), Random(1)
    values = [
        *REALS,
        *(lot.uniform(-180, 180) for _ in range(300)),
        *(lot.uniform(-1, 1) * 10**n for n in range(-30, 15)),
    ]
    for size in SIZES:
        rule = Generalise(do="generalise", to=to, size=size)
        change = (*program._cell(rule), kind == "float")
        coarsen = generalising(rule, Leaf("x", kind, False, None, kind))
        for value in (form.unpack(form.pack(one))[0] for one in values):
            assert reals(penstock_native, change, value, kind) == form.pack(coarsen(value)), (size, value)


def test_what_is_not_exact_is_left_to_python(penstock_native):
    for value in (math.inf, -math.inf, math.nan, 1e300):
        assert reals(penstock_native, ("cell", (1, 100), False, False), value, "double") is None


@pytest.mark.parametrize("step", [0.01, 1, 0.3, 1000])
def test_noise_on_a_double_is_bit_by_bit_as_in_python(penstock_native, step):
    rule, scope, lot = Noise(do="noise", epsilon=1.0, sensitivity=7.5, clamp=(-1e6, 1e6), step=step), SCOPE, Random(2)
    how = mechanism(rule, Leaf("x", "double", False, None, "double"))
    scale = how.scale.numerator, how.scale.denominator
    place = place_of(scope, (b"fx",))
    noise = (how.low, how.high, scale, "double", (how.step.numerator, how.step.denominator), place, how.how)
    for value in [*REALS, *(lot.uniform(-2e6, 2e6) for _ in range(300)), *(step * (n + 0.5) for n in range(-9, 9))]:
        wanted = struct.pack("<d", how.released(value, SECRET, scope, (b"fx",), "a"))
        assert reals(penstock_native, ("noisy", 0), value, "double", [noise]) == wanted, value


@pytest.mark.parametrize("example", ["cross-border-tax", "smart-city"])
def test_the_extension_makes_every_view_of_the_examples(example):
    documents = load(Path(__file__).parents[2] / "examples" / example)
    rehearsal, left = Rehearsal(documents), []
    for one in documents.agreements.values():
        written = rehearsal.compiled(one)
        if written is None or not all(
            program.taken(documents.contracts[one.dataset], written, v) for v in written.views
        ):
            left.append(one.id)
    assert left == []


def test_an_event_that_is_not_as_usual_is_not_taken(penstock_native):
    lane = penstock_native.Lane([writer(SEAL)], 1, 1_000)
    batch = [
        (0, 0, one) for one in (EVENT, None, b"", HEAD, EVENT + b"\0", b"\0\0\0\0\7" + EVENT[5:], HEAD + b"\0\x04")
    ]
    assert lane.scan(batch, SECRET).writers() == [1, 0, 0, 0, 0, 0, 0]


def test_it_holds_no_key_once_it_was_told_to_forget(penstock_native):
    one = making(penstock_native, SEAL)
    assert one.run((0, 0), 1, b"n" * 12, [None])[0]
    one.forget()
    assert one.run((0, 0), 1, b"n" * 12, [None])[:3] == ([], 0, 0)


@pytest.mark.parametrize(
    "bad",
    [
        ("nothing that is known",),
        ("seal", 0, 1),
        ("in_place", TEXT, None, ("bucket", 0, "long")),
        ("in_place", TEXT, None, ("bucket", 5, "double")),
    ],
)
def test_a_program_that_is_none_is_refused(penstock_native, bad):
    with pytest.raises(ValueError, match=r"."):
        penstock_native.Lane([writer(bad)], 1, 1_000)


def test_items_without_bytes_are_refused(penstock_native):
    head, _, wanted, facts, views = writer(SEAL)
    with pytest.raises(ValueError, match="no bytes"):
        penstock_native.Lane([(head, [("array", ("null",), 0)], wanted, facts, views)], 1, 1_000)


def test_many_nonces_are_the_same_as_one_after_the_other():
    def stream():
        count = iter(range(10_000))
        return lambda size: bytes(next(count) % 256 for _ in range(size))

    single, many = Nonces(stream()), Nonces(stream())
    wanted = [single(12) for _ in range(9)]
    assert many(12) == wanted[0]
    drawn = many.many(5)
    many.give_back(drawn[24:])
    assert [drawn[:12], drawn[12:24], *(many(12) for _ in range(6))] == wanted[1:]
    assert many.many(0) == b""


def test_uses_are_set_aside_and_taken_back(monkeypatch):
    monkeypatch.setattr(BulkKey, "MOST_USES", 10)
    key = BulkKey(b"handle-8", b"k" * 32)
    assert (key.reserve(4), key.reserve(3)) == (0, 4)
    key.give_back(5, 2)
    assert key.nonce(12) == (5).to_bytes(12, "big")
    key.give_back(4, 1)  # a later one is given out already
    assert key.reserve(4) == 6
    with pytest.raises(KeyUnavailableError):
        key.reserve(1)


def test_a_plan_says_what_it_seals():
    assert "digest" not in repr(Seal(0, 0, "name", None, b"digest"))
