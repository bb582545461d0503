"""Signing on a party's machine: making a key, and adding a signature to the file beside the agreement."""

import os
from datetime import UTC, datetime
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ...processors.signing import SIDES, agreement_digest, public_text, sign_bytes
from ...schemas.agreement import Agreement
from ...schemas.charter import Charter
from ...schemas.errors import ConfigurationError, RefusedError
from ...schemas.signature import BothSides, Side, Signature, Signatures
from .load import load


def keygen(path: Path) -> str:
    """Write a new private key to `path`, readable by its owner only, and return the public key for the charter.

    Raises ConfigurationError if there is a file already: a key is never overwritten.
    """
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ConfigurationError("there is a file already", place=str(path), remedy="choose another name") from None
    except OSError as failure:
        raise ConfigurationError(f"cannot write the key: {failure.strerror}", place=str(path)) from None
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(pem)
    return public_text(key)


def sign(directory: Path, agreement_id: str, member: str, key_file: Path) -> Signatures:
    """Add `member`'s signature to the agreement's signatures and return all of them.

    Signatures of another text of the agreement are dropped: they no longer hold. Raises DocumentError for unfit
    documents, ConfigurationError for an unknown agreement or an unreadable key, RefusedError for a member that is no
    party or a key that is not the charter's.
    """
    documents = load(directory)
    agreement = documents.agreements.get(agreement_id)
    if agreement is None:
        raise ConfigurationError(f"there is no agreement '{agreement_id}'", place=str(directory))
    key = private_key(key_file)
    side = _side(agreement, member)
    require_charters(documents.charter, member, public_text(key), key_file)
    at = datetime.now(UTC).replace(microsecond=0)
    signature = Signature(member=member, key=public_text(key), signature=sign_bytes(key, agreement), at=at)
    digest = agreement_digest(agreement)
    before = documents.signatures.get(agreement_id)
    kept = before.signatures if before and before.digest == digest else BothSides()
    signatures = Signatures(version=1, digest=digest, signatures=kept.model_copy(update={side: signature}))
    _write(directory / "agreements" / f"{agreement_id}.signatures.yaml", signatures)
    return signatures


def _side(agreement: Agreement, member: str) -> Side:
    for side in SIDES:
        if getattr(agreement, side) == member:
            return side
    remedy = f"its parties are {agreement.provider} and {agreement.recipient}"
    raise RefusedError(f"'{member}' is no party of '{agreement.id}'", remedy=remedy)


def require_charters(charter: Charter, member: str, public: str, key_file: Path) -> None:
    """Raise RefusedError unless the charter says that `public` is the member's key."""
    known = charter.member(member)
    if known is None or known.public_key != public:
        said = "another public key" if known and known.public_key else "no public key"
        remedy = f"the members must agree on public_key: {public}"
        raise RefusedError(f"the charter has {said} of '{member}'", place=str(key_file), remedy=remedy)


def private_key(path: Path) -> Ed25519PrivateKey:
    """Return the key of a file. Raises ConfigurationError for one that cannot be read or holds another kind of key."""
    try:
        key = _pem(path.read_bytes())
    except OSError as failure:
        raise ConfigurationError(f"cannot read the key: {failure.strerror}", place=str(path)) from None
    if not isinstance(key, Ed25519PrivateKey):
        message, remedy = (
            "no Ed25519 private key in PEM, or one with a password",
            "penstock agreements keygen makes one",
        )
        raise ConfigurationError(message, place=str(path), remedy=remedy)
    return key


def _pem(data: bytes) -> object:
    try:
        return serialization.load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None


def _write(path: Path, signatures: Signatures) -> None:
    """Write the file whole or not at all."""
    lines = [
        "# Written by `penstock agreements sign`. It holds for exactly one text of the agreement.",
        "version: 1",
        f"digest: {signatures.digest}",
        "signatures:",
    ]
    for side in SIDES:
        signature: Signature | None = getattr(signatures.signatures, side)
        if signature is not None:
            lines.append(f"  {side}:")
            lines += [f"    {name}: {value}" for name, value in signature.model_dump(mode="json").items()]
    beside = path.with_name(path.name + ".new")
    beside.write_text("\n".join(lines) + "\n", encoding="utf-8")
    beside.replace(path)
