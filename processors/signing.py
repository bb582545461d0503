"""Signatures of agreements: Ed25519 over their canonical JSON."""

import base64
from dataclasses import dataclass
from typing import Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ..schemas.agreement import Agreement
from ..schemas.canonical import canonical, digest
from ..schemas.charter import KEY_PREFIX, Charter, public_key_bytes
from ..schemas.generation import agreement_record
from ..schemas.signature import Side, Signature, Signatures

DOMAIN = b"penstock agreement v1\n"
"""Stands before what is signed, so that a signature under an agreement is one under nothing else."""

SIDES: tuple[Side, Side] = ("provider", "recipient")


@dataclass(frozen=True, slots=True)
class SignatureState:
    """Whether both parties have signed this very text. `reason` says why not, in one clause."""

    state: Literal["signed", "unsigned", "invalid"]
    reason: str = ""

    @property
    def signed(self) -> bool:
        return self.state == "signed"


def to_be_signed(agreement: Agreement) -> bytes:
    """Return the bytes that both parties sign."""
    return DOMAIN + canonical(agreement_record(agreement))


def agreement_digest(agreement: Agreement) -> str:
    """Return the SHA-256 of the agreement's canonical JSON, as signatures and generations name it."""
    return digest(agreement_record(agreement))


def sign_bytes(key: Ed25519PrivateKey, agreement: Agreement) -> str:
    """Return the base64 of a party's signature."""
    return base64.b64encode(key.sign(to_be_signed(agreement))).decode()


def public_text(key: Ed25519PrivateKey | Ed25519PublicKey) -> str:
    """Return a public key as the charter writes it."""
    public = key.public_key() if isinstance(key, Ed25519PrivateKey) else key
    raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return KEY_PREFIX + base64.b64encode(raw).decode()


def signature_state(agreement: Agreement, signatures: Signatures | None, charter: Charter) -> SignatureState:
    """Return whether both parties have signed `agreement` with the keys that the charter gives them.

    Invalid wins over unsigned: a signature that does not hold is never just a missing one.
    """
    if signatures is None:
        return SignatureState("unsigned", "nobody has signed")
    if signatures.digest != agreement_digest(agreement):
        return SignatureState("invalid", "the agreement was changed after it was signed")
    found = {side: getattr(signatures.signatures, side) for side in SIDES}
    for side, signature in found.items():
        wrong = _wrong(agreement, side, signature, charter) if signature is not None else ""
        if wrong:
            return SignatureState("invalid", wrong)
    missing = [side for side, signature in found.items() if signature is None]
    return SignatureState("unsigned", f"the {' and the '.join(missing)} did not sign") if missing else _SIGNED


_SIGNED = SignatureState("signed")


def _wrong(agreement: Agreement, side: Side, signature: Signature, charter: Charter) -> str:
    """Return what is wrong with one side's signature, empty if nothing is."""
    member_id = getattr(agreement, side)
    member = charter.member(member_id)
    if signature.member != member_id:
        return f"the {side}'s signature names '{signature.member}', and the {side} is '{member_id}'"
    if member is None or member.public_key is None:
        return f"the charter has no public key of '{member_id}'"
    if signature.key != member.public_key:
        return f"'{member_id}' signed with another key than the charter's"
    key = Ed25519PublicKey.from_public_bytes(public_key_bytes(member.public_key))
    try:
        key.verify(base64.b64decode(signature.signature), to_be_signed(agreement))
    except InvalidSignature:
        return f"the signature of '{member_id}' does not hold"
    return ""
