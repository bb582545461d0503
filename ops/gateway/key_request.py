"""A request for keys as its body says it."""

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from ...schemas.encrypted import HANDLE_BYTES
from ...schemas.key_message import MOST_KEYS, NONCE_BYTES
from .answers import BadRequestError, json_body

MOST_BYTES = 64 * 1024
_SHAPE = f'the body is not {{"handles": [...]}} with at most {MOST_KEYS} handles, and "key" and "request" with them'


@dataclass(frozen=True, slots=True)
class Asked:
    """The handles asked for; `sealing_key` and `nonce` where the answer is to be sealed, else empty."""

    handles: list[bytes]
    sealing_key: str = ""
    nonce: bytes = b""


async def asked_for(request: Request) -> Asked:
    """Read a request's body. Raises BadRequestError when it is none that can be answered."""
    body = await json_body(request, MOST_BYTES)
    if not isinstance(body, dict) or body.keys() not in ({"handles"}, {"handles", "key", "request"}):
        raise BadRequestError(_SHAPE)
    handles = _handles(body["handles"])
    if "key" not in body:
        return Asked(handles)
    nonce = _bytes(body["request"], NONCE_BYTES)
    if nonce is None or not isinstance(body["key"], str) or not body["key"]:
        raise BadRequestError(f'"key" is the id of a sealing key, "request" {2 * NONCE_BYTES} hexadecimal digits')
    return Asked(handles, body["key"], nonce)


def _handles(said: Any) -> list[bytes]:
    if not isinstance(said, list) or len(said) > MOST_KEYS:
        raise BadRequestError(_SHAPE)
    handles = [_bytes(one, HANDLE_BYTES) for one in said]
    if None in handles:
        raise BadRequestError(f"a handle is not {2 * HANDLE_BYTES} hexadecimal digits")
    return [one for one in handles if one is not None]


def _bytes(said: Any, size: int) -> bytes | None:
    try:
        found = bytes.fromhex(said)
    except (TypeError, ValueError):
        return None
    return found if len(found) == size else None
