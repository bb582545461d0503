"""Vectors that others published, for every primitive in use, run on the library that we call; and that they are theirs.

AES-GCM's of Wycheproof are run in `test_encrypt`.
"""

import hashlib
import hmac
import json
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes, hpke
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

from penstock.processors.key_message import SUITE, is_of_small_order, seal_keys
from penstock.schemas.key_message import KeyRequest, key_entries

FOLDER = Path(__file__).parents[1] / "vectors"


def said_by(name):
    return json.loads((FOLDER / f"{name}.json").read_text())


def vectors_of(name):
    return said_by(name)["tests"]


def raw(vector, *names):
    return [bytes.fromhex(vector[name]) for name in names]


# --- they are what they say -------------------------------------------------------------------------------------------


def rows():
    lines = [line for line in (FOLDER / "README.md").read_text().splitlines() if line.startswith("| `")]
    return [[cell.strip().strip("`") for cell in line.strip("|").split(" | ")] for line in lines]


def test_every_file_is_in_the_table_with_source_licence_and_hash():
    assert {row[0] for row in rows()} == {path.name for path in FOLDER.glob("*.json")}
    for name, what, source, licence, of_source, here in rows():
        held = json.loads((FOLDER / name).read_text())
        assert (held["source"], held["licence"], held["sha256_of_source"]) == (source, licence, of_source)
        assert what.endswith(held["selection"])
        assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == here, f"{name} is not what was published"


# --- AES-256-GCM ------------------------------------------------------------------------------------------------------


def test_nist_aes_256_gcm():
    opened = refused = 0
    for vector in vectors_of("nist_aes_256_gcm_decrypt"):
        key, nonce, cipher, additional, tag = raw(vector, "key", "iv", "ct", "aad", "tag")
        if vector["pt"] is None:
            with pytest.raises(InvalidTag):
                AESGCM(key).decrypt(nonce, cipher + tag, additional)
            refused += 1
        else:
            plain = bytes.fromhex(vector["pt"])
            assert AESGCM(key).decrypt(nonce, cipher + tag, additional) == plain
            assert AESGCM(key).encrypt(nonce, plain, additional) == cipher + tag
            opened += 1
    assert (opened + refused, min(opened, refused) > 50) == (200, True)


# --- X25519, Ed25519 --------------------------------------------------------------------------------------------------


def test_wycheproof_x25519():
    """Shared secrets that come out as zero are refused, as RFC 9180 wants (section 7.1.4); all others are right."""
    refused = 0
    for vector in vectors_of("wycheproof_x25519"):
        public, private, shared = raw(vector, "public", "private", "shared")
        exchange = X25519PrivateKey.from_private_bytes(private).exchange
        if shared == bytes(32):
            with pytest.raises(ValueError, match="shared key"):
                exchange(X25519PublicKey.from_public_bytes(public))
            assert is_of_small_order(public)
            refused += 1
        else:
            assert exchange(X25519PublicKey.from_public_bytes(public)) == shared, vector["tcId"]
    assert refused > 10


def test_wycheproof_ed25519():
    seen = set()
    for vector in vectors_of("wycheproof_ed25519"):
        public, message, signature = raw(vector, "pk", "msg", "sig")
        verify = Ed25519PublicKey.from_public_bytes(public).verify
        seen.add(vector["result"])
        if vector["result"] == "valid":
            verify(signature, message)
        else:
            with pytest.raises(InvalidSignature):
                verify(signature, message)
    assert seen == {"valid", "invalid"}


# --- HKDF, keyed BLAKE2b ----------------------------------------------------------------------------------------------


def test_rfc_5869():
    for vector in vectors_of("rfc_5869_hkdf_sha256"):
        material, salt, info, extracted, expanded = raw(vector, "ikm", "salt", "info", "prk", "okm")
        size = vector["l"]
        assert HKDF(hashes.SHA256(), size, salt, info).derive(material) == expanded
        assert HKDFExpand(hashes.SHA256(), size, info).derive(extracted) == expanded
        assert hmac.digest(salt or bytes(32), material, "sha256") == extracted


def test_wycheproof_hkdf():
    refused = 0
    for vector in vectors_of("wycheproof_hkdf_sha256"):
        material, salt, info, expanded = raw(vector, "ikm", "salt", "info", "okm")
        if vector["result"] == "invalid":
            with pytest.raises(ValueError, match="larger"):
                HKDF(hashes.SHA256(), vector["size"], salt, info)
            refused += 1
        else:
            assert HKDF(hashes.SHA256(), vector["size"], salt, info).derive(material) == expanded
    assert refused > 0


def test_keyed_blake2b():
    vectors = vectors_of("blake2b_keyed")
    for vector in vectors:
        data, key, out = raw(vector, "in", "key", "out")
        assert hashlib.blake2b(data, key=key, digest_size=64).digest() == out
    assert len(vectors) == 57


# --- HPKE -------------------------------------------------------------------------------------------------------------


class ByHand:
    """The base mode's receiver by RFC 9180's text, from X25519 and HMAC alone: a second opinion."""

    KEM = b"KEM" + (0x20).to_bytes(2, "big")

    def __init__(self, private, enc, info, aead):
        suite = b"HPKE" + b"".join(number.to_bytes(2, "big") for number in (0x20, 1, aead))
        key = X25519PrivateKey.from_private_bytes(private)
        dh = key.exchange(X25519PublicKey.from_public_bytes(enc))
        context = enc + key.public_key().public_bytes_raw()
        extracted = self._extract(b"", b"eae_prk", dh, self.KEM)
        self.shared_secret = self._expand(extracted, b"shared_secret", context, 32, self.KEM)
        hashed = [
            self._extract(b"", label, part, suite) for label, part in ((b"psk_id_hash", b""), (b"info_hash", info))
        ]
        self.key_schedule_context = b"\x00" + b"".join(hashed)
        self.secret = self._extract(self.shared_secret, b"secret", b"", suite)
        sizes = {"key": 16 * aead, "base_nonce": 12, "exp": 32}
        self.key, self.base_nonce, self.exporter_secret = (
            self._expand(self.secret, name.encode(), self.key_schedule_context, size, suite)
            for name, size in sizes.items()
        )

    @staticmethod
    def _extract(salt, label, material, suite):
        return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + material, "sha256")

    @staticmethod
    def _expand(extracted, label, info, size, suite):
        info = size.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
        return HKDFExpand(hashes.SHA256(), size, info).derive(extracted)

    def open(self, cipher, additional=b""):
        return AESGCM(self.key).decrypt(self.base_nonce, cipher, additional)


DERIVED = ("shared_secret", "key_schedule_context", "secret", "key", "base_nonce", "exporter_secret")


@pytest.mark.parametrize("vector", vectors_of("rfc_9180_hpke"), ids=lambda vector: f"aead-{vector['aead_id']}")
def test_rfc_9180(vector):
    private, enc, info = raw(vector, "skRm", "enc", "info")
    cipher, additional, plain = raw(vector["encryption"], "ct", "aad", "pt")
    by_hand = ByHand(private, enc, info, vector["aead_id"])
    assert {name: getattr(by_hand, name).hex() for name in DERIVED} == {name: vector[name] for name in DERIVED}
    assert by_hand.open(cipher, additional) == plain
    # The vectors have additional data, which the library's public methods do not take; our messages have none.
    aead = {1: hpke.AEAD.AES_128_GCM, 2: hpke.AEAD.AES_256_GCM}[vector["aead_id"]]
    suite = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, aead)
    sealed = enc + AESGCM(by_hand.key).encrypt(by_hand.base_nonce, plain, b"")
    assert suite.decrypt(sealed, X25519PrivateKey.from_private_bytes(private), info=info) == plain


def test_our_messages_are_what_the_rfc_says():
    key = X25519PrivateKey.generate()
    request = KeyRequest("ee-fi", "fi", "a", bytes(16), [b"h" * 8])
    keys = {b"h" * 8: b"k" * 32}
    message = seal_keys(keys, request, key.public_key().public_bytes_raw())
    by_hand = ByHand(key.private_bytes_raw(), message[1:33], request.info(), 2)
    assert by_hand.open(message[33:]) == key_entries(keys)
    theirs = SUITE.encrypt(b"text", key.public_key(), info=b"i")
    assert ByHand(key.private_bytes_raw(), theirs[:32], b"i", 2).open(theirs[32:]) == b"text"
