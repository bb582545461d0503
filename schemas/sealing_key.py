"""A sealing key: the public half of a pair by which one recipient is given keys that nobody on the way can read."""

import base64
import binascii
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field, TypeAdapter

from .model import Model, Slug

_ID = TypeAdapter(Slug)
SEALING_PREFIX = "x25519:"
PUBLIC_BYTES = 32


def sealing_key_bytes(text: str) -> bytes:
    """Return the 32 raw bytes of a public sealing key. Raises ValueError when `text` is none."""
    try:
        raw = base64.b64decode(text.removeprefix(SEALING_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if not text.startswith(SEALING_PREFIX) or len(raw) != PUBLIC_BYTES:
        raise ValueError("must be 'x25519:' and the base64 of 32 bytes, as `penstock partner key` prints it")
    return raw


def sealing_key_text(raw: bytes) -> str:
    """Return a public sealing key as the charter writes it."""
    return SEALING_PREFIX + base64.b64encode(raw).decode()


def _is_sealing_key(text: str) -> str:
    sealing_key_bytes(text)
    return text


SealingPublicKey = Annotated[str, AfterValidator(_is_sealing_key)]


class KeyValidity(Model):
    """Keys are sealed to a sealing key from `from` (inclusive) until `until` (exclusive), by the gateway's clock."""

    from_: AwareDatetime = Field(alias="from")
    until: AwareDatetime


class SealingKey(Model):
    """One public key of a recipient: X25519 (RFC 7748). Its id names it in requests and in the recipient's key file."""

    id: Slug
    public_key: SealingPublicKey
    valid: KeyValidity

    def is_valid(self, at: datetime) -> bool:
        return self.valid.from_ <= at < self.valid.until


def require_id(text: str) -> None:
    """Raise ValueError unless `text` may be the id of a sealing key, or of a member."""
    _ID.validate_python(text)


def key_lines(key: SealingKey, indent: int) -> list[str]:
    """Return a sealing key as the charter writes it: an item of a member's `sealing_keys`."""
    space = " " * indent
    since, until = (at.isoformat().replace("+00:00", "Z") for at in (key.valid.from_, key.valid.until))
    return [
        f"{space}- id: {key.id}",
        f"{space}  public_key: {key.public_key}",
        f"{space}  valid: {{from: {since}, until: {until}}}",
    ]
