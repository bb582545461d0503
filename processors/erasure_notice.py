"""Notices of erasure and their receipts, signed: Ed25519 over a name of the form and the canonical JSON."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ..schemas.canonical import canonical
from ..schemas.charter import Charter, public_key_bytes
from ..schemas.errors import RefusedError
from .signing import public_text

Form = Literal["notice", "receipt"]
Signed = Mapping[str, Any]
"""`said`, `member`, `key` (as the charter writes it) and `signature` (base64)."""


def notice(  # noqa: PLR0913 - what a notice says
    *, ecosystem: str, case: str, recipient: str, agreements: list[dict[str, Any]], at_ms: int, due_ms: int
) -> dict[str, Any]:
    """Return what a recipient is told: `agreements` has for each its pseudonym and key handles of the data subject."""
    said = {"ecosystem": ecosystem, "case": case, "recipient": recipient, "agreements": agreements}
    return {"version": 1, "kind": "erasure_notice", **said, "at_ms": at_ms, "due_ms": due_ms}


def receipt(  # noqa: PLR0913 - what a receipt says
    *, case: str, recipient: str, answers: str, outcome: str, ground: str, at_ms: int
) -> dict[str, Any]:
    """Return what a recipient declares; `answers` is the digest of its notice, `outcome` `erased` or `kept`."""
    said = {"case": case, "recipient": recipient, "notice": answers, "outcome": outcome, "ground": ground}
    return {"version": 1, "kind": "erasure_receipt", **said, "at_ms": at_ms}


def signed(form: Form, said: Mapping[str, Any], member: str, key: Ed25519PrivateKey) -> dict[str, Any]:
    """Return `said` with a member's signature."""
    signature = base64.b64encode(key.sign(_to_be_signed(form, said))).decode()
    return {"said": dict(said), "member": member, "key": public_text(key), "signature": signature}


def verified(form: Form, held: Any, charter: Charter) -> Mapping[str, Any]:
    """Return what was signed. Raises RefusedError unless the member named signed it with the charter's key."""
    try:
        said, member_id, key = held["said"], held["member"], held["key"]
        member = charter.member(member_id)
        if said["version"] != 1 or said["kind"] != f"erasure_{form}":
            raise RefusedError(f"it is no {form} of erasure, version 1")
        if member is None or member.public_key is None or member.public_key != key:
            raise RefusedError("it is not signed with the key that the charter gives the signer")
        public = Ed25519PublicKey.from_public_bytes(public_key_bytes(key))
        public.verify(base64.b64decode(held["signature"], validate=True), _to_be_signed(form, said))
    except (KeyError, TypeError, ValueError, binascii.Error, InvalidSignature):
        raise RefusedError("the signature does not hold") from None
    found: Mapping[str, Any] = said
    return found


def _to_be_signed(form: Form, said: Mapping[str, Any]) -> bytes:
    return f"penstock erasure {form} v1\n".encode() + canonical(said)
