"""Signatures: what is signed, by whom, and every way in which a signature does not hold."""

import json
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from penstock.ops.documents.check import examine
from penstock.ops.documents.load import Documents
from penstock.ops.documents.sign import keygen, sign
from penstock.processors.signing import (
    SignatureState,
    agreement_digest,
    public_text,
    sign_bytes,
    signature_state,
    to_be_signed,
)
from penstock.schemas.errors import ConfigurationError, RefusedError

GOLDEN = Path(__file__).parents[1] / "golden" / "agreement-signature.json"
AGREEMENT = "agreements/visits-lab.yaml"
SIGNATURES = "agreements/visits-lab.signatures.yaml"


@pytest.fixture
def keys(ecosystem, tmp_path) -> dict[str, Path]:
    """Key files of both parties, whose public keys the charter names."""
    files = {}
    for member, name in (("city", "City"), ("lab", "Laboratory")):
        files[member] = tmp_path / f"{member}.pem"
        public = keygen(files[member])
        ecosystem.edit("charter.yaml", f"name: {name}\n", f"name: {name}\n    public_key: {public}\n")
    return files


def state(documents: Documents) -> SignatureState:
    name = "visits-lab"
    return signature_state(documents.agreements[name], documents.signatures.get(name), documents.charter)


def test_golden_signature(ecosystem) -> None:
    """The digest, the bytes and the signature of the base agreement never change once released."""
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    agreement = ecosystem.load().agreements["visits-lab"]
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    assert to_be_signed(agreement) == golden["signed"].encode()
    assert agreement_digest(agreement) == golden["digest"]
    assert public_text(key) == golden["public_key"]
    assert sign_bytes(key, agreement) == golden["signature"]


def test_both_parties_sign_and_the_agreement_is_signed(ecosystem, keys) -> None:
    assert state(ecosystem.load()) == SignatureState("unsigned", "nobody has signed")
    sign(ecosystem.root, "visits-lab", "city", keys["city"])
    assert state(ecosystem.load()) == SignatureState("unsigned", "the recipient did not sign")
    sign(ecosystem.root, "visits-lab", "lab", keys["lab"])
    assert state(ecosystem.load()).signed
    assert not [one for one in ecosystem.examine() if "signatures" in one.file]


def test_comments_and_layout_do_not_break_a_signature(ecosystem, keys) -> None:
    _signed(ecosystem, keys)
    ecosystem.edit(AGREEMENT, "places: [EE, NO]", "# where\nplaces:\n  - EE\n  - 'NO'")
    assert state(ecosystem.load()).signed


def test_a_changed_agreement_is_not_signed(ecosystem, keys) -> None:
    _signed(ecosystem, keys)
    ecosystem.edit(AGREEMENT, "keep: 1", "keep: 2")
    documents = ecosystem.load()
    assert state(documents) == SignatureState("invalid", "the agreement was changed after it was signed")
    warned = [one for one in examine(ecosystem.root, 0)[1] if one.file == SIGNATURES]
    assert [(one.level, one.line) for one in warned] == [("warning", ecosystem.line(SIGNATURES, "signatures:"))]


def test_signing_a_changed_agreement_drops_the_other_partys_signature(ecosystem, keys) -> None:
    _signed(ecosystem, keys)
    ecosystem.edit(AGREEMENT, "keep: 1", "keep: 2")
    sign(ecosystem.root, "visits-lab", "lab", keys["lab"])
    assert state(ecosystem.load()) == SignatureState("unsigned", "the provider did not sign")


def test_a_signature_of_another_agreement_does_not_hold(ecosystem, keys) -> None:
    """The digest alone is not believed: the signature must be over this text."""
    _signed(ecosystem, keys)
    before = agreement_digest(ecosystem.load().agreements["visits-lab"])
    ecosystem.edit(AGREEMENT, "keep: 1", "keep: 2")
    after = agreement_digest(ecosystem.load().agreements["visits-lab"])
    ecosystem.edit(SIGNATURES, before, after)
    assert state(ecosystem.load()) == SignatureState("invalid", "the signature of 'city' does not hold")


def test_a_signature_by_another_key_does_not_hold(ecosystem, keys, tmp_path) -> None:
    _signed(ecosystem, keys)
    old = ecosystem.load().charter.member("city").public_key
    ecosystem.edit("charter.yaml", old, keygen(tmp_path / "new.pem"))
    assert state(ecosystem.load()) == SignatureState("invalid", "'city' signed with another key than the charter's")


def test_a_signature_of_the_wrong_party_does_not_hold(ecosystem, keys) -> None:
    _signed(ecosystem, keys)
    text = (ecosystem.root / SIGNATURES).read_text(encoding="utf-8")
    head, _, rest = text.partition("  provider:\n")
    provider, _, recipient = rest.partition("  recipient:\n")
    ecosystem.write(SIGNATURES, f"{head}  provider:\n{recipient}  recipient:\n{provider}")
    reason = "the provider's signature names 'lab', and the provider is 'city'"
    assert state(ecosystem.load()) == SignatureState("invalid", reason)


def test_a_member_without_a_key_has_not_signed(ecosystem, keys) -> None:
    _signed(ecosystem, keys)
    public = ecosystem.load().charter.member("lab").public_key
    ecosystem.edit("charter.yaml", f"    public_key: {public}\n", "")
    assert state(ecosystem.load()) == SignatureState("invalid", "the charter has no public key of 'lab'")


def test_a_damaged_signature_does_not_hold(ecosystem, keys) -> None:
    signatures = sign(ecosystem.root, "visits-lab", "city", keys["city"])
    said = signatures.signatures.provider.signature
    ecosystem.edit(SIGNATURES, said, ("B" if said[0] == "A" else "A") + said[1:])
    assert state(ecosystem.load()) == SignatureState("invalid", "the signature of 'city' does not hold")


def test_a_stranger_cannot_sign(ecosystem, keys) -> None:
    with pytest.raises(RefusedError, match="'state' is no party of 'visits-lab' - its parties are city and lab"):
        sign(ecosystem.root, "visits-lab", "state", keys["city"])


def test_a_key_that_is_not_the_charters_cannot_sign(ecosystem, keys) -> None:
    with pytest.raises(RefusedError, match="the charter has another public key of 'city'"):
        sign(ecosystem.root, "visits-lab", "city", keys["lab"])
    assert not (ecosystem.root / SIGNATURES).exists()


def test_an_unknown_agreement_cannot_be_signed(ecosystem, keys) -> None:
    with pytest.raises(ConfigurationError, match="there is no agreement 'visits'"):
        sign(ecosystem.root, "visits", "city", keys["city"])


def test_what_is_no_key_is_refused_without_being_quoted(ecosystem, tmp_path) -> None:
    other = X25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for content in (b"secret text", other, b""):
        (tmp_path / "key.pem").write_bytes(content)
        with pytest.raises(ConfigurationError, match="no Ed25519 private key in PEM") as caught:
            sign(ecosystem.root, "visits-lab", "city", tmp_path / "key.pem")
        assert "secret" not in str(caught.value)
    with pytest.raises(ConfigurationError, match="cannot read the key"):
        sign(ecosystem.root, "visits-lab", "city", tmp_path / "nothing.pem")


def test_a_private_key_is_its_owners_and_never_overwritten(tmp_path) -> None:
    path = tmp_path / "key.pem"
    public = keygen(path)
    assert public.startswith("ed25519:")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    with pytest.raises(ConfigurationError, match="there is a file already"):
        keygen(path)
    assert path.read_bytes() == before
    with pytest.raises(ConfigurationError, match="cannot write the key"):
        keygen(tmp_path / "no" / "key.pem")


def _signed(ecosystem, keys: dict[str, Path]) -> None:
    for member in ("city", "lab"):
        sign(ecosystem.root, "visits-lab", member, keys[member])
