"""Derivations: golden values, injective framing, and that every part of a context matters."""

import base64
import hashlib
import itertools
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.processors.keys import (
    agreement_key,
    base32,
    derived,
    referencing,
    rekeyed,
    rekeyed_event_id,
    subject_reference,
)
from penstock.processors.noise import NoiseSecret
from penstock.schemas.encrypted import framed, framed_one

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "derivations.json").read_text())
SECRET = bytes(range(32))


@given(st.lists(st.binary(max_size=6), max_size=4), st.lists(st.binary(max_size=6), max_size=4))
def test_framing_is_injective(one, other):
    assert (framed(one) == framed(other)) == (one == other)


def test_moving_a_byte_between_parts_changes_the_frame():
    assert framed([b"ab", b"c"]) != framed([b"a", b"bc"]) != framed([b"abc"])


def test_golden_derivations():
    assert {
        "subject_reference": subject_reference(SECRET, "38001085718").hex(),
        "agreement_key": agreement_key(SECRET, "ee-fi-income").hex(),
        "agreement_key_version_2": agreement_key(SECRET, "ee-fi-income", 2).hex(),
        "event_id": rekeyed_event_id(SECRET, "0d7f5b0e-4c1c-4a55-9d0f-1f3a7b1f9a01"),
    } == GOLDEN["values"]


def test_every_context_gives_another_value():
    other = bytes(31) + b"\x01"
    keys = [
        agreement_key(secret, agreement, version)
        for secret, agreement, version in itertools.product((SECRET, other), ("a", "b", "ab"), (1, 2))
    ]
    assert len(set(keys)) == len(keys)
    assert derived(SECRET, 32, b"a", b"b") != derived(SECRET, 32, b"ab")


def test_a_rekeyed_event_id_is_26_small_characters():
    found = rekeyed_event_id(SECRET, "x")
    assert len(found) == 26
    assert set(found) <= set("abcdefghijklmnopqrstuvwxyz234567")


def test_a_secret_of_another_size_is_refused():
    with pytest.raises(ValueError, match="32 bytes"):
        derived(b"short", 32, b"x")
    for short in (referencing, NoiseSecret, lambda secret: rekeyed(secret, b"x")):
        with pytest.raises(ValueError, match="32 bytes"):
            short(b"short")


@given(st.binary(min_size=32, max_size=32), st.text(), st.binary(max_size=300))
def test_derivations_in_their_quick_forms_are_the_same(secret, text, about):
    raw = text.encode()
    assert referencing(secret)(raw) == subject_reference(secret, text)
    assert rekeyed(secret, framed_one(raw)) == rekeyed_event_id(secret, text).encode()
    assert [NoiseSecret(secret).seed(one) for one in (b"", about)] == [
        hashlib.blake2b(one, digest_size=64, key=secret).digest() for one in (b"", about)
    ]


@given(st.binary(min_size=16, max_size=16))
def test_base_32_is_the_librarys(raw):
    assert base32(raw) == base64.b32encode(raw).decode().rstrip("=").lower()
