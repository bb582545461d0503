"""Keys for recipients: a member gets the keys of its own agreements while they are in force, and nothing else.

Unknown and foreign handles and agreements get the same refusal, so that asking tells nothing.
"""

import base64
import binascii
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ...schemas.errors import KeyUnavailableError, RefusedError, UnavailableError
from ...schemas.generation import AgreementInForce
from ...schemas.ports import KeyStore
from .doors import ASKED_FOR, KEYS, Doors, TurnedAwayError
from .entitled import Entitled

MOST_HANDLES = 1_000
MOST_BYTES = 64 * 1024
HANDLE_BYTES = 8


@dataclass(frozen=True, slots=True)
class Where:
    """Where recipients find Kafka, and the schema registry if it is not this gateway (None: it is).

    `security` is how Kafka wants to be spoken to (librdkafka's names), without anybody's secrets.
    """

    bootstrap: str
    registry: str | None = None
    security: Mapping[str, str] = field(default_factory=dict)


class KeyDesk:
    """Answers recipients; `where` is told to them."""

    def __init__(self, doors: Doors, keys: KeyStore, entitled: Entitled, where: Where) -> None:
        self._doors = doors
        self._keys = keys
        self._entitled_to = entitled.agreement
        self._where = where

    def routes(self) -> list[Route]:
        return [
            Route("/v1/health", _health, methods=["GET"]),
            Route("/v1/agreements/{agreement}", _guarded(self._describe), methods=["GET"]),
            Route("/v1/agreements/{agreement}/keys", _guarded(self._hand_out), methods=["POST"]),
        ]

    async def _describe(self, request: Request) -> Response:
        """Tell a recipient where its view is and under which schema."""
        held = await run_in_threadpool(self._entitled, request)
        return JSONResponse(
            {
                "agreement": held.agreement.id,
                "dataset": held.agreement.dataset,
                "major": held.agreement.major,
                "topic": held.view_topic,
                "schema_id": held.view_schema_id,
                "bootstrap": self._where.bootstrap,
                "registry": self._where.registry,
                "security": dict(self._where.security),
            }
        )

    async def _hand_out(self, request: Request) -> Response:
        held = await run_in_threadpool(self._entitled, request)
        handles = _handles(await _body(request))
        keys = await run_in_threadpool(self._keys.open_keys, held.agreement.id, handles)
        found = {handle.hex(): base64.b64encode(key).decode() for handle, key in keys.items()}
        return JSONResponse({"keys": found}, headers={"cache-control": "no-store"})

    def _entitled(self, request: Request) -> AgreementInForce:
        """Return the agreement if the caller is its recipient and it is in force. Raises RefusedError otherwise."""
        member = self._doors.enter(request, KEYS).member
        held = self._entitled_to(member, request.path_params["agreement"])
        if held is None:
            self._doors.count(KEYS, member, "authorization")
            raise _ForeignError("no such agreement of yours is in force")
        return held


class _ForeignError(RefusedError):
    """Authenticated, but not entitled."""


class _BadRequestError(RefusedError):
    """The request itself is malformed."""


def _guarded(handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except _BadRequestError as error:
            return _error(400, error)
        except _ForeignError as error:
            return _error(403, error)
        except TurnedAwayError as error:
            return _error(error.status, error)
        except (UnavailableError, KeyUnavailableError) as error:
            return _error(503, error)

    return answer


async def _health(_request: Request) -> Response:
    return JSONResponse({"state": "running"})


def _error(status: int, error: Exception) -> JSONResponse:
    headers = {"www-authenticate": ASKED_FOR} if status == 401 else {}
    return JSONResponse({"error": str(error)}, status_code=status, headers=headers)


async def _body(request: Request) -> Any:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            raise _BadRequestError(f"the body is larger than {MOST_BYTES} bytes")
    try:
        return json.loads(bytes(body))
    except (ValueError, RecursionError):
        raise _BadRequestError("the body is not JSON") from None


def _handles(body: Any) -> list[bytes]:
    asked = body.get("handles") if isinstance(body, dict) else None
    if not isinstance(asked, list) or len(asked) > MOST_HANDLES:
        raise _BadRequestError(f'the body is not {{"handles": [...]}} with at most {MOST_HANDLES} handles')
    try:
        handles = [bytes.fromhex(one) for one in asked]
    except (TypeError, ValueError, binascii.Error):
        raise _BadRequestError("a handle is not 16 hexadecimal digits") from None
    if any(len(one) != HANDLE_BYTES for one in handles):
        raise _BadRequestError("a handle is not 16 hexadecimal digits")
    return handles
