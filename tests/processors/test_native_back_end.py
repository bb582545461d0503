"""The compiled back end: which one runs, what it opens, and that it holds no key once it was told to forget."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from native import require_native
from penstock.processors import back_end as choice
from penstock.processors.back_end import back_end
from penstock.processors.compiled.plan import Seal
from penstock.processors.encrypt import BulkKey
from penstock.processors.native.extension import extension
from penstock.processors.nonces import Nonces
from penstock.schemas.errors import ConfigurationError, KeyUnavailableError

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


TEXT = (0, None, True)
LONG = (1, None, False)
SEAL = ("seal", 0, 1, 0, b"before", b"after")
HEAD = b"\0\0\0\0\1"
EVENT = HEAD + b"\x02a\x04"
SECRET = b"s" * 32
KEY = (b"handle-8", b"k" * 32, "somebody", b"r" * 32)


def writer(*ops):
    views = [(b"\0\0\0\0\2", list(ops), None, 0, [])]
    return HEAD, [("string",), ("long",)], [0, 1, 2], (TEXT, LONG, 10, [(TEXT, True)]), views


def making(penstock_native, *ops, event=EVENT):
    scan = penstock_native.Lane([writer(*ops)], 1, 1_000).scan([(3, 0, event)], SECRET)
    return penstock_native.Making(scan, ["view"], [b"\0"], [[[KEY]]], [{}])


def test_a_record_is_made_for_the_partition_that_its_event_came_from(penstock_native):
    records, *place, taken, left, counts = making(penstock_native, ("copy", 1, 2), SEAL).run(
        (0, 0), 1, b"n" * 24, [None]
    )
    ((topic, partition, key, value),) = records
    assert (topic, partition, key) == ("view", 3, None)
    assert value.startswith(b"\0\0\0\0\2\x04")
    assert b"n" * 12 in value
    assert (place, taken, left, counts) == ([1, 0], 1, [0], [[1]])


def test_what_it_cannot_make_it_stops_at(penstock_native):
    for spoilt in (making(penstock_native, SEAL), making(penstock_native, ("copy", 0, 7))):
        assert spoilt.run((0, 0), 1, b"", [None])[:4] == ([], 0, 0, 0)


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
