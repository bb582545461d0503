"""The signatures of an agreement, in a file beside it."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, StringConstraints

from .charter import PublicKey
from .model import Model, Slug

Side = Literal["provider", "recipient"]


class Signature(Model):
    """One side's Ed25519 signature, in base64, and the key it was made with."""

    member: Slug
    key: PublicKey
    signature: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]{86}==$")]
    at: AwareDatetime


class BothSides(Model):
    """Who has signed so far."""

    provider: Signature | None = None
    recipient: Signature | None = None


class Signatures(Model):
    """`digest` is the SHA-256 of the agreement that was signed, so that a person can see which text it was."""

    version: Literal[1]
    digest: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    signatures: BothSides
