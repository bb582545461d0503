"""The key message: it opens for whom it is sealed to, as an answer to what was asked, and in no other way."""

import base64
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from penstock.processors.key_message import SUITE, is_of_small_order, open_keys, seal_keys
from penstock.schemas.errors import RecordError
from penstock.schemas.key_message import KeyRequest, key_entries, keys_from

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "key_message_1.json").read_text())
PRIVATE = X25519PrivateKey.generate()
PUBLIC = PRIVATE.public_key().public_bytes_raw()
HANDLES = [bytes([number]) * 8 for number in range(5)]
KEYS = {handle: os.urandom(32) for handle in HANDLES[:3]}
REQUEST = KeyRequest("ee-fi", "fi", "2026", b"n" * 16, HANDLES)
SMALL_ORDER = [
    "00" * 32,
    "01" + "00" * 31,
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]


@given(st.dictionaries(st.binary(min_size=8, max_size=8), st.binary(min_size=32, max_size=32), max_size=20))
def test_what_is_sealed_opens(keys):
    request = replace(REQUEST, handles=[*keys, b"unknown!"])
    assert open_keys(seal_keys(keys, request, PUBLIC), request, PRIVATE) == keys


def test_two_messages_of_the_same_keys_have_nothing_in_common():
    one, other = (seal_keys(KEYS, REQUEST, PUBLIC) for _ in range(2))
    assert one[:1] == other[:1] == b"\x01"
    assert one[1:33] != other[1:33]
    assert not any(key in one for key in KEYS.values())
    assert not any(handle in one for handle in KEYS)


CHANGES = {
    "agreement": "ee-se",
    "recipient": "se",
    "sealing_key": "2027",
    "nonce": b"m" * 16,
    "handles": [*HANDLES[:-1], b"anothers"],
}


@pytest.mark.parametrize("part", CHANGES)
def test_it_answers_its_own_request_only(part):
    message = seal_keys(KEYS, REQUEST, PUBLIC)
    assert open_keys(message, REQUEST, PRIVATE) == KEYS
    with pytest.raises(RecordError, match="answers another request"):
        open_keys(message, replace(REQUEST, **{part: CHANGES[part]}), PRIVATE)


def test_parts_of_a_request_cannot_be_shifted_into_each_other():
    one = replace(REQUEST, agreement="ab", recipient="c")
    assert one.info() != replace(REQUEST, agreement="a", recipient="bc").info()
    assert CHANGES.keys() == {*KeyRequest.__slots__}, "every part is tried"


def test_no_other_private_key_opens_it():
    message = seal_keys(KEYS, REQUEST, PUBLIC)
    for _ in range(20):
        with pytest.raises(RecordError, match="does not open"):
            open_keys(message, REQUEST, X25519PrivateKey.generate())


def test_no_flipped_bit_opens():
    """Every single one, also the point's highest, which X25519 itself passes over (RFC 7748, section 5)."""
    message = seal_keys({HANDLES[0]: b"k" * 32}, REQUEST, PUBLIC)
    for bit in range(8 * len(message)):
        bent = bytearray(message)
        bent[bit // 8] ^= 1 << (bit % 8)
        with pytest.raises(RecordError):
            open_keys(bytes(bent), REQUEST, PRIVATE)


def test_no_cut_message_opens():
    message = seal_keys({HANDLES[0]: b"k" * 32}, REQUEST, PUBLIC)
    for size in range(len(message)):
        with pytest.raises(RecordError):
            open_keys(message[:size], REQUEST, PRIVATE)
    with pytest.raises(RecordError):
        open_keys(message + b"\x00", REQUEST, PRIVATE)


@pytest.mark.parametrize("version", [0, 2, 255])
def test_another_version_is_told_apart(version):
    message = bytes((version,)) + seal_keys(KEYS, REQUEST, PUBLIC)[1:]
    with pytest.raises(RecordError, match="not a version 1 key message"):
        open_keys(message, REQUEST, PRIVATE)


@pytest.mark.parametrize("point", SMALL_ORDER)
def test_nothing_is_sealed_to_a_point_of_small_order(point):
    public = bytes.fromhex(point)
    assert is_of_small_order(public)
    with pytest.raises(ValueError, match="shared key"):
        seal_keys(KEYS, REQUEST, public)
    assert not is_of_small_order(PUBLIC)


ENTRY = key_entries({HANDLES[1]: b"k" * 32})


@pytest.mark.parametrize(
    "entries",
    [
        ENTRY[:-1],
        ENTRY + b"\x00",
        ENTRY + ENTRY,
        key_entries({HANDLES[2]: b"k" * 32}) + ENTRY,
        key_entries({b"unasked!": b"k" * 32}),
    ],
    ids=["cut", "one byte more", "twice", "out of order", "not asked for"],
)
def test_what_a_sealer_would_not_write_is_refused(entries):
    """Sealed as it must be, so that only what is inside is wrong."""
    message = b"\x01" + SUITE.encrypt(entries, PRIVATE.public_key(), info=REQUEST.info())
    with pytest.raises(RecordError, match="key message holds"):
        open_keys(message, REQUEST, PRIVATE)
    assert keys_from(ENTRY, HANDLES) == {HANDLES[1]: b"k" * 32}


def test_the_golden_message_opens():
    said = GOLDEN["request"]
    handles = [bytes.fromhex(one) for one in said["handles"]]
    nonce = bytes.fromhex(said["nonce"])
    request = KeyRequest(said["agreement"], said["recipient"], said["sealing_key"], nonce, handles)
    private = X25519PrivateKey.from_private_bytes(base64.b64decode(GOLDEN["key_file"]["private_key"]))
    assert request.info().hex() == GOLDEN["info"]
    found = open_keys(bytes.fromhex(GOLDEN["message"]), request, private)
    assert {handle.hex(): key.hex() for handle, key in found.items()} == GOLDEN["keys"]
