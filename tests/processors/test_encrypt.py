"""One encrypted field: padding, the form's bytes, what a changed bit does, limits of bulk keys, others' vectors."""

import json
import multiprocessing
import os
import random
import threading
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from penstock.processors.encrypt import BulkKey, BulkUses, open_, seal
from penstock.schemas.encrypted import HEAD_BYTES, Binding, field_step, padded, padded_size, sealed_from, unpadded
from penstock.schemas.errors import KeyUnavailableError, RecordError

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "wycheproof_aes_256_gcm.json").read_text())["tests"]


@dataclass(frozen=True)
class Key:
    handle: bytes = b"handle-8"
    key: bytes = b"k" * 32


KEY = Key()


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: str(vector["tcId"]))
def test_wycheproof(vector):
    key, nonce, aad, message, cipher, tag = (
        bytes.fromhex(vector[part]) for part in ("key", "iv", "aad", "msg", "ct", "tag")
    )
    if vector["result"] == "valid":
        assert AESGCM(key).encrypt(nonce, message, aad) == cipher + tag
        assert AESGCM(key).decrypt(nonce, cipher + tag, aad) == message
    else:
        with pytest.raises(InvalidTag):
            AESGCM(key).decrypt(nonce, cipher + tag, aad)


@given(st.binary(max_size=3000))
def test_padding_round_trips_and_is_canonical(value):
    full = padded(value)
    assert unpadded(full) == value
    assert len(full) == padded_size(len(value)) > len(value)
    for other in (full + b"\x00", full[:-1], value):
        if other != full:
            with pytest.raises(RecordError):
                unpadded(other)


def test_padded_sizes():
    sizes = [padded_size(size) for size in (0, 15, 16, 31, 32, 63, 64, 71, 72, 100, 1000, 100_000)]
    assert sizes == [16, 16, 32, 32, 64, 64, 72, 72, 80, 104, 1024, 100_352]
    assert all(padded_size(size) - size <= max(16, size // 8 + 1, 32) for size in range(70_000))


def test_padding_hides_null_and_magnitude():
    """Null (one byte of union index), a small and the largest long, a short name: all of one length."""
    lengths = {
        len(seal(value, KEY, b"", os.urandom)) for value in (b"\x00", b"\x02\x02", b"\x02" + b"\xff" * 9, b"Ann")
    }
    assert lengths == {HEAD_BYTES + 16 + 16}


@given(st.binary(max_size=200), st.binary(max_size=50))
def test_opens_only_with_the_same_key_and_data(value, additional):
    sealed = sealed_from(seal(value, KEY, additional, os.urandom))
    assert sealed.handle == KEY.handle
    assert open_(sealed, KEY.key, additional) == value
    for key, data in ((b"K" * 32, additional), (KEY.key, additional + b"x")):
        with pytest.raises(RecordError, match="does not open"):
            open_(sealed, key, data)


def _open_bound_to_its_handle(data):
    sealed = sealed_from(data)
    return open_(sealed, KEY.key, sealed.handle)


def test_no_flipped_bit_opens():
    """Every single bit of one field (version, nonce, ciphertext, tag); the handle is bound through the data."""
    whole = seal(b"a value", KEY, KEY.handle, os.urandom)
    for bit in range(8 * len(whole)):
        bent = bytearray(whole)
        bent[bit // 8] ^= 1 << (bit % 8)
        with pytest.raises(RecordError):
            _open_bound_to_its_handle(bytes(bent))


def test_no_bit_flipped_in_a_thousand_values_opens():
    """Every bit of a thousand fields of every padded size up to 80 bytes, each bound to its own place and key."""
    draw, flipped = random.Random(20_260_901), 0
    binding = Binding.of("ee-fi", "income", 1)
    for number in range(1_000):
        size = draw.choice((0, 1, 7, 15)) if number % 20 else draw.choice((16, 31, 32, 63, 64, 71, 72))
        key, place = Key(draw.randbytes(8), draw.randbytes(32)), (field_step(f"f{number}"), draw.randbytes(8), b"e")
        value = draw.randbytes(size)
        whole = seal(value, key, binding.additional_data(key.handle, place[:1], *place[1:]), os.urandom)
        assert _opened_in_place(whole, key, binding, place) == value
        for bit in range(8 * len(whole)):
            bent = bytearray(whole)
            bent[bit // 8] ^= 1 << (bit % 8)
            flipped += 1
            try:
                _opened_in_place(bytes(bent), key, binding, place)
            except RecordError:
                continue
            pytest.fail(f"value {number} opened with its bit {bit} flipped")
    assert flipped > 424_000


def _opened_in_place(data, key, binding, place):
    """Open as a reader does, who takes the handle from the field; the key is the right one whatever that says."""
    sealed = sealed_from(data)
    return open_(sealed, key.key, binding.additional_data(sealed.handle, place[:1], *place[1:]))


def test_it_is_seen_when_a_bent_handle_opens():
    """The check of flipped bits, shown what it must catch: a form whose handle is not bound."""
    whole = seal(b"a value", KEY, b"the place", os.urandom)
    bent = whole[:1] + bytes((whole[1] ^ 1,)) + whole[2:]
    assert open_(sealed_from(bent), KEY.key, b"the place") == b"a value"


@pytest.mark.parametrize("size", [0, 1, 20, HEAD_BYTES + 31])
def test_a_cut_field_is_refused(size):
    with pytest.raises(RecordError):
        sealed_from(seal(b"x", KEY, b"", os.urandom)[:size])


def test_a_bulk_key_counts_and_then_refuses(monkeypatch):
    monkeypatch.setattr(BulkKey, "MOST_USES", 4)
    monkeypatch.setattr(BulkKey, "SPARE_USES", 2)
    bulk, spent, nonces = BulkKey(KEY.handle, KEY.key), [], []
    for _ in range(4):
        spent.append(bulk.spent)
        nonces.append(sealed_from(seal(b"x", bulk, b"", bulk.nonce)).nonce)
    assert nonces == [number.to_bytes(12, "big") for number in range(4)]
    assert spent == [False, False, False, True], "it asks to be replaced before it refuses"
    with pytest.raises(KeyUnavailableError, match="used up"):
        bulk.nonce(12)


def test_a_bulk_key_never_gives_a_nonce_twice_to_threads():
    bulk, given_out = BulkKey(KEY.handle, KEY.key), []
    workers = [
        threading.Thread(target=lambda: given_out.extend(bulk.nonce(12) for _ in range(5_000))) for _ in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert Counter(given_out).most_common(1)[0][1] == 1
    assert len(given_out) == 20_000


def test_uses_set_aside_are_given_in_order_and_what_is_left_goes_back():
    bulk, given_out = BulkKey(KEY.handle, KEY.key), []
    for count in (3, 0, 5, 4, 9):
        uses = BulkUses(bulk, 4)
        given_out += [uses.next() for _ in range(count)]
        uses.end()
        with pytest.raises(KeyUnavailableError, match="given back"):
            uses.nonce(12)
        given_out.append(bulk.nonce(12))
    assert given_out == [number.to_bytes(12, "big") for number in range(26)]


def test_uses_end_with_their_key(monkeypatch):
    monkeypatch.setattr(BulkKey, "MOST_USES", 6)
    uses = BulkUses(BulkKey(KEY.handle, KEY.key), 4)
    assert len({uses.next() for _ in range(4)}) == 4
    with pytest.raises(KeyUnavailableError, match="used up"):
        uses.next()
    assert "6b6b" not in repr(uses)


def _use_in_child(bulk, results):
    try:
        results.put(bulk.nonce(12))
    except KeyUnavailableError:
        results.put("refused")


def test_a_forked_child_cannot_use_its_parents_bulk_key():
    context = multiprocessing.get_context("fork")
    bulk, results = BulkKey(KEY.handle, KEY.key), context.Queue()
    child = context.Process(target=_use_in_child, args=(bulk, results))
    child.start()
    assert results.get(timeout=30) == "refused"
    child.join()


def test_a_bulk_key_is_not_printed():
    assert "6b6b" not in repr(BulkKey(KEY.handle, KEY.key)) + str(BulkKey(KEY.handle, KEY.key))
