"""The encrypted field: what its bytes are and what binds it to its place. No keys here.

    version (1 byte) | key handle (8) | nonce (12) | AES-256-GCM ciphertext and tag

docs/wire.md specifies every byte.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from .errors import RecordError
from .reasons import Refusal

VERSION = 1
HANDLE_BYTES = 8
NONCE_BYTES = 12
TAG_BYTES = 16
HEAD_BYTES = 1 + HANDLE_BYTES + NONCE_BYTES
SMALLEST_PADDED = 16


@dataclass(frozen=True, slots=True)
class Sealed:
    """An encrypted field taken apart."""

    handle: bytes
    nonce: bytes
    ciphertext: bytes

    def to_bytes(self) -> bytes:
        return bytes((VERSION,)) + self.handle + self.nonce + self.ciphertext


def sealed_from(data: bytes) -> Sealed:
    """Return an encrypted field taken apart. Raises RecordError (`framing`) for another version or a cut one."""
    if not data or data[0] != VERSION:
        raise RecordError(
            Refusal.FRAMING, "not a version 1 encrypted field", remedy="a newer Penstock wrote it: upgrade"
        )
    if len(data) < HEAD_BYTES + TAG_BYTES + SMALLEST_PADDED:
        raise RecordError(Refusal.FRAMING, "the encrypted field is cut short")
    return Sealed(data[1 : 1 + HANDLE_BYTES], data[1 + HANDLE_BYTES : HEAD_BYTES], data[HEAD_BYTES:])


def padded_size(size: int) -> int:
    """Return the padded size of a value of `size` bytes: 16, 32, 64, then and above that Padmé's."""
    least = size + 1
    for small in (SMALLEST_PADDED, 32, 64):
        if least <= small:
            return small
    exponent = least.bit_length() - 1
    grain = (1 << (exponent - exponent.bit_length())) - 1
    return (least + grain) & ~grain


def padded(value: bytes) -> bytes:
    """Return `value`, the byte 80, and zeros up to its padded size."""
    return (value + b"\x80").ljust(padded_size(len(value)), b"\x00")


def unpadded(data: bytes) -> bytes:
    """Return what was padded. Raises RecordError (`framing`) for anything that `padded` does not give."""
    value = data.rstrip(b"\x00")[:-1]
    if padded(value) != data:
        raise RecordError(Refusal.FRAMING, "the padding of an encrypted field is wrong")
    return value


def framed(parts: Iterable[bytes]) -> bytes:
    """Return `parts`, each behind its length (four bytes, big-endian): no other list of parts gives these bytes."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def framed_one(part: bytes) -> bytes:
    """As `framed`, of one part."""
    return len(part).to_bytes(4, "big") + part


# Steps of a concrete path, each a tag and its name or number. Steps are framed, so none can pretend to be two.


def field_step(name: str) -> bytes:
    return b"f" + name.encode()


def item_step(index: int) -> bytes:
    return b"i" + index.to_bytes(4, "big")


def key_step(key: str) -> bytes:
    return b"k" + key.encode()


def branch_step(kind: str) -> bytes:
    """Return the step through a union: the Avro kind of the branch taken."""
    return b"u" + kind.encode()


@dataclass(frozen=True, slots=True)
class Binding:
    """What binds every encrypted field of one view: the constant parts of its additional data."""

    agreement: bytes
    dataset: bytes
    major: bytes

    @classmethod
    def of(cls, agreement: str, dataset: str, major: int) -> "Binding":
        return cls(agreement.encode(), dataset.encode(), major.to_bytes(4, "big"))

    def additional_data(self, handle: bytes, steps: Iterable[bytes], type_digest: bytes, event_id: bytes) -> bytes:
        """Return the AAD of one field of one record. `event_id` is the view's, `type_digest` the inner type's."""
        version = bytes((VERSION,))
        return framed((version, handle, self.agreement, self.dataset, self.major, framed(steps), type_digest, event_id))
