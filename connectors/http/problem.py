"""What an HTTP source answers: JSON, and problems as RFC 9457 has them. Neither ever quotes what was sent."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

JSON = "application/json"
PROBLEM = "application/problem+json"
CHALLENGE = 'Bearer realm="penstock"'


@dataclass(frozen=True, slots=True)
class Answer:
    """A response, but for its length."""

    status: int
    said: Mapping[str, Any]
    media: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> bytes:
        return json.dumps(self.said, separators=(",", ":")).encode()


class Problem(Exception):  # noqa: N818 - the term of RFC 9457
    """A request is not fulfilled: `reason` for programs, `detail` for people."""

    def __init__(self, status: int, reason: str, detail: str, **headers: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.detail = detail
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def answer(self) -> Answer:
        said = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "reason": self.reason,
            "detail": self.detail,
        }
        return Answer(self.status, said, PROBLEM, self.headers)


def not_authenticated(detail: str, *, shown: bool) -> Problem:
    """`shown`: there was a token, and it is not good (RFC 6750)."""
    challenge = CHALLENGE + (', error="invalid_token"' if shown else "")
    return Problem(401, "authentication", detail, www_authenticate=challenge)


def later(status: int, reason: str, detail: str, wait_s: float) -> Problem:
    """Return a problem that passes: the sender should wait at least `wait_s`."""
    return Problem(status, reason, detail, retry_after=str(max(1, int(wait_s + 0.999))))


def unknown_outcome() -> Problem:
    """Return the answer where nobody knows whether the records are published, or will be."""
    detail = "the outcome is not known: send it again with the same Idempotency-Key, and it counts once"
    return later(503, "outcome_unknown", detail, 1)
