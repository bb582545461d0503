"""Handing out keys: sealed to a key that the charter gives the recipient, on record before they leave.

Works on what it is given and asks nobody who the caller is: that was decided before.
"""

import base64
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from ...processors.key_message import seal_keys
from ...schemas.charter import Member
from ...schemas.errors import RefusedError
from ...schemas.key_message import KeyRequest
from ...schemas.ports import KeyStore
from ...schemas.sealing_key import SealingKey, sealing_key_bytes
from ..store.hand_outs import HandOut
from .key_request import Asked


class Record(Protocol):
    """Keeps what was handed out."""

    def record(self, one: HandOut) -> None: ...


class Told(Protocol):
    """Is told how many keys of an agreement left in a message."""

    def handed_out(self, agreement: str, recipient: str, keys: int) -> None: ...


class SealingRefusedError(RefusedError):
    """The recipient's own keys do not allow what it asks for."""


class HandingOut:
    """`clock_ms` is the wall clock: the validity of sealing keys is judged by it alone, never by a recipient's."""

    def __init__(self, keys: KeyStore, record: Record, told: Told, clock_ms: Callable[[], int]) -> None:
        self._keys = keys
        self._record = record
        self._told = told
        self._clock_ms = clock_ms

    def answer(self, agreement: str, member: Member, asked: Asked, still: Callable[[], None]) -> dict[str, Any]:
        """Return the body that answers `asked`; unknown and foreign handles are left out alike.

        `still` raises when the recipient is not entitled any more; it is asked last of all, so that what ends while
        the store is read ends this too. Raises SealingRefusedError, and whatever store and record raise.
        """
        at_ms = self._clock_ms()
        key = sealing_key_for(member, asked.sealing_key, datetime.fromtimestamp(at_ms / 1_000, UTC))
        found = self._keys.open_keys(agreement, asked.handles)
        given = len(found)
        self._record.record(
            HandOut(agreement, member.id, asked.sealing_key, 1, len(asked.handles), given, at_ms, at_ms)
        )
        still()
        self._told.handed_out(agreement, member.id, given)
        if key is None:
            return {"keys": {handle.hex(): base64.b64encode(one).decode() for handle, one in found.items()}}
        request = KeyRequest(agreement, member.id, key.id, asked.nonce, asked.handles)
        message = _sealed(found, request, key)
        return {"sealed": base64.b64encode(message).decode()}


def _sealed(keys: Mapping[bytes, bytes], request: KeyRequest, key: SealingKey) -> bytes:
    try:
        return seal_keys(keys, request, sealing_key_bytes(key.public_key))
    except ValueError:
        raise SealingRefusedError(
            f"nothing can be sealed to the sealing key `{key.id}`", remedy="have another one registered"
        ) from None


def sealing_key_for(member: Member, key_id: str, at: datetime) -> SealingKey | None:
    """Return the key to seal to, None where the charter lets this recipient's keys go as they are.

    Raises SealingRefusedError when it has no such key, none that is valid `at` that instant, or asks for none although
    it has some.
    """
    if not key_id:
        _may_be_unsealed(member)
        return None
    key = member.sealing_key(key_id)
    if key is None:
        raise SealingRefusedError(
            f"the charter in force names no sealing key `{key_id}` of `{member.id}`", remedy="have it put there"
        )
    if not key.is_valid(at):
        when = "is not valid yet" if at < key.valid.from_ else "has expired"
        raise SealingRefusedError(f"the sealing key `{key_id}` {when}", remedy="use another, or have one registered")
    return key


def _may_be_unsealed(member: Member) -> None:
    if member.sealing_keys:
        raise SealingRefusedError(
            f"keys for `{member.id}` are handed out sealed only", remedy="name your key file: PENSTOCK_KEY_FILE"
        )
    if member.unsealed_keys is None:
        raise SealingRefusedError(
            f"the charter in force has no sealing key of `{member.id}`, and keys are handed out to one only",
            remedy="make one with `penstock partner key`, and have it put into the charter",
        )
