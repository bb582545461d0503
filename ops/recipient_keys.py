"""A recipient's own sealing keys: made and kept on its machine, in files that only it can read."""

import base64
import json
import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from ..schemas.errors import ConfigurationError
from ..schemas.sealing_key import KeyValidity, SealingKey, require_id, sealing_key_text

VERSION = 1
KEY_FILES = "PENSTOCK_KEY_FILE"
"""The variable that names a recipient's key files, several with the system's path separator between them."""

_KEYS = {"version", "member", "id", "private_key"}


@dataclass(frozen=True, slots=True)
class RecipientKey:
    """The private half of a sealing key, by the id that the charter gives it. Never printed."""

    member: str
    id: str
    private: X25519PrivateKey

    def __repr__(self) -> str:
        return f"RecipientKey({self.member}, {self.id})"

    def registered(self, since: datetime, until: datetime) -> SealingKey:
        """Return the public half as the charter has it."""
        public = sealing_key_text(self.private.public_key().public_bytes_raw())
        valid = KeyValidity.model_validate({"from": since, "until": until})
        return SealingKey(id=self.id, public_key=public, valid=valid)


def new_key(member: str, key_id: str, path: Path) -> RecipientKey:
    """Make a pair and write its private half to `path`, readable by its owner only.

    Raises ConfigurationError for an id that is none, and if there is a file already: a key is never overwritten.
    """
    for one in (member, key_id):
        _require_id(one)
    made = RecipientKey(member, key_id, X25519PrivateKey.generate())
    secret = base64.b64encode(made.private.private_bytes_raw()).decode()
    text = json.dumps({"version": VERSION, "member": member, "id": key_id, "private_key": secret})
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ConfigurationError("there is a file already", place=str(path), remedy="choose another name") from None
    except OSError as failure:
        raise ConfigurationError(f"cannot write the key: {failure.strerror}", place=str(path)) from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text + "\n")
    return made


def _require_id(text: str) -> None:
    try:
        require_id(text)
    except ValueError:
        raise ConfigurationError(
            f"`{text}` is no id", remedy="at most 63 lower-case letters, digits and hyphens inside, such as 2026-12"
        ) from None


def read_key(path: Path) -> RecipientKey:
    """Return the key in a file.

    Raises ConfigurationError when it cannot be read, is none, or others on the machine may read it.
    """
    try:
        mode, text = path.stat().st_mode, path.read_text(encoding="utf-8")
    except (OSError, ValueError) as failure:
        why = getattr(failure, "strerror", None) or "it is no text"
        raise ConfigurationError(f"cannot read the key: {why}", place=str(path)) from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigurationError("others may read this private key", place=str(path), remedy=f"chmod 600 {path}")
    found = _parsed(text)
    if found is None:
        remedy = "penstock partner key makes one"
        raise ConfigurationError("not a key file of version 1", place=str(path), remedy=remedy)
    return found


def read_keys(paths: Iterable[str | Path] = ()) -> Sequence[RecipientKey]:
    """Return the keys in these files, else in those that PENSTOCK_KEY_FILE names. Raises as `read_key` does."""
    named = list(paths) or [one for one in os.environ.get(KEY_FILES, "").split(os.pathsep) if one]
    return [read_key(Path(one)) for one in named]


def _parsed(text: str) -> RecipientKey | None:
    try:
        said: Any = json.loads(text)
        if said.keys() != _KEYS or said["version"] != VERSION:
            return None
        private = X25519PrivateKey.from_private_bytes(base64.b64decode(said["private_key"], validate=True))
        return RecipientKey(str(said["member"]), str(said["id"]), private)
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
