"""The key message: keys of one agreement on their way to its recipient. What its bytes are and what binds them.

    version (1 byte) | encapsulated key (32) | ciphertext and tag

It is HPKE (RFC 9180) in base mode; docs/wire.md specifies every byte. No key is used here.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from .encrypted import HANDLE_BYTES, TAG_BYTES, framed
from .errors import RecordError
from .reasons import Refusal

VERSION = 1
ENCAPSULATED_BYTES = 32
KEY_BYTES = 32
NONCE_BYTES = 16
MOST_KEYS = 1_000
LABEL = b"penstock key message"
_ENTRY_BYTES = HANDLE_BYTES + KEY_BYTES


@dataclass(frozen=True, slots=True)
class KeyRequest:
    """What a recipient asked for, and to which of its sealing keys the answer is sealed.

    `nonce` (16 random bytes) is the request's own: an answer to another request opens nothing, however old or new.
    """

    agreement: str
    recipient: str
    sealing_key: str
    nonce: bytes
    handles: Sequence[bytes]

    def info(self) -> bytes:
        """Return HPKE's info: no other request, recipient or version of the form gives these bytes."""
        asked = hashlib.sha256(b"".join(self.handles)).digest()
        names = (self.agreement.encode(), self.recipient.encode(), self.sealing_key.encode())
        return framed((LABEL, bytes((VERSION,)), *names, self.nonce, asked))


def key_entries(keys: Mapping[bytes, bytes]) -> bytes:
    """Return what is sealed: each handle (8) and its key (32), in the order of the handles."""
    return b"".join(handle + keys[handle] for handle in sorted(keys))


def keys_from(entries: bytes, asked: Collection[bytes]) -> dict[bytes, bytes]:
    """Return the keys by handle. Raises RecordError (`framing`) unless they are some of the `asked`, each once."""
    if len(entries) % _ENTRY_BYTES:
        raise RecordError(Refusal.FRAMING, "a key message holds a part of a key")
    starts = range(0, len(entries), _ENTRY_BYTES)
    handles = [entries[at : at + HANDLE_BYTES] for at in starts]
    if handles != sorted(set(handles)) or not set(handles) <= set(asked):
        raise RecordError(Refusal.FRAMING, "a key message holds keys that nobody asked for, or one twice")
    return {handle: entries[at + HANDLE_BYTES : at + _ENTRY_BYTES] for handle, at in zip(handles, starts, strict=True)}


def sealed_part(message: bytes) -> bytes:
    """Return a message without its version. Raises RecordError (`framing`) for another version or a cut one."""
    if not message or message[0] != VERSION:
        raise RecordError(Refusal.FRAMING, "not a version 1 key message", remedy="a newer Penstock wrote it: upgrade")
    if len(message) < 1 + ENCAPSULATED_BYTES + TAG_BYTES:
        raise RecordError(Refusal.FRAMING, "the key message is cut short")
    return message[1:]
