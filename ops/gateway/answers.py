"""What handlers of JSON doors share: the body, and errors as answers."""

import json
from collections.abc import Awaitable, Callable
from math import ceil
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ...schemas.errors import KeyUnavailableError, RefusedError, UnavailableError
from .doors import ASKED_FOR, TurnedAwayError

Handler = Callable[[Request], Awaitable[Response]]


class BadRequestError(RefusedError):
    """The request itself is malformed."""


class TooFastError(RefusedError):
    """More was asked for than a rate allows; `wait_s` says when to ask again."""

    def __init__(self, message: str, wait_s: float) -> None:
        super().__init__(message)
        self.wait_s = wait_s


def guarded(handler: Handler) -> Handler:
    """Return `handler` with errors of ours as answers: 400, 401, 403, 429 or 503, and what went wrong as JSON."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except BadRequestError as error:
            return _error(400, error)
        except TooFastError as error:
            return _error(429, error)
        except TurnedAwayError as error:
            return _error(error.status, error)
        except RefusedError as error:
            return _error(403, error)
        except (UnavailableError, KeyUnavailableError) as error:
            return _error(503, error)

    return answer


def _error(status: int, error: Exception) -> JSONResponse:
    headers = {"www-authenticate": ASKED_FOR} if status == 401 else {}
    if isinstance(error, TooFastError):
        headers = {"retry-after": str(ceil(error.wait_s))}
    return JSONResponse({"error": str(error)}, status_code=status, headers=headers)


async def json_body(request: Request, most_bytes: int) -> Any:
    """Return a request's JSON. Raises BadRequestError for a body that is larger, or is none."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > most_bytes:
            raise BadRequestError(f"the body is larger than {most_bytes} bytes")
    try:
        return json.loads(bytes(body))
    except (ValueError, RecursionError):
        raise BadRequestError("the body is not JSON") from None
