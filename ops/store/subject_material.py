"""What a data subject's row holds: the keys of every version, the re-keying key, the pseudonym."""

import secrets
from dataclasses import dataclass

from ...processors.keys import KEY_BYTES
from ...schemas.errors import KeyUnavailableError

PSEUDONYM_BYTES = 16
FIRST_BYTES = 2 * KEY_BYTES + PSEUDONYM_BYTES


@dataclass(frozen=True, slots=True, repr=False)
class Material:
    """DEK (32) ‖ re-keying key (32) ‖ pseudonym (16) ‖ one DEK (32) for each version after the first."""

    raw: bytes
    version: int

    @property
    def rekey(self) -> bytes:
        return self.raw[KEY_BYTES : 2 * KEY_BYTES]

    @property
    def pseudonym(self) -> bytes:
        return self.raw[2 * KEY_BYTES : FIRST_BYTES]

    def dek(self, version: int) -> bytes:
        """Return the key of `version`, from 1 up to this row's."""
        if version == 1:
            return self.raw[:KEY_BYTES]
        start = FIRST_BYTES + (version - 2) * KEY_BYTES
        return self.raw[start : start + KEY_BYTES]


def material_of(raw: bytes, version: int) -> Material:
    """Return what a row of `version` holds. Raises KeyUnavailableError when it is not as long as that."""
    if version < 1 or len(raw) != FIRST_BYTES + (version - 1) * KEY_BYTES:
        raise KeyUnavailableError("a row of the key store is damaged", remedy="restore the store from a backup")
    return Material(raw, version)


def grown(raw: bytes, version: int) -> bytes:
    """Return `raw` (empty: nothing yet) with random bytes up to what a row of `version` holds."""
    return raw + secrets.token_bytes(FIRST_BYTES + (version - 1) * KEY_BYTES - len(raw))


def subject_context(subject: bytes, domain: str, version: int) -> tuple[bytes, ...]:
    """Return what a row's wrapping is bound to."""
    return b"subject", subject, domain.encode(), version.to_bytes(4, "big")
