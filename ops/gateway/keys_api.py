"""Keys for recipients: a member gets the keys of its own agreements while they are in force, and nothing else.

Unknown and foreign handles and agreements get the same refusal, so that asking tells nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ...connectors.http.rate import Rate
from ...schemas.errors import RefusedError
from ...schemas.generation import AgreementInForce
from .answers import TooFastError, guarded
from .doors import KEYS, Doors
from .entitled import Entitled
from .hand_out import HandingOut, SealingRefusedError
from .key_request import Asked, asked_for

LEAST_COST = 100
"""So many keys a message counts as at least: a small one is work, too."""


@dataclass(frozen=True, slots=True)
class Where:
    """Where recipients find Kafka, and the schema registry if it is not this gateway (None: it is).

    `security` is how Kafka wants to be spoken to (librdkafka's names), without anybody's secrets.
    """

    bootstrap: str
    registry: str | None = None
    security: Mapping[str, str] = field(default_factory=dict)


class KeyDesk:
    """Answers recipients; `where` is told to them. `rate` says how many keys a second one recipient may ask for."""

    def __init__(self, doors: Doors, handing_out: HandingOut, entitled: Entitled, where: Where, rate: Rate) -> None:
        self._doors = doors
        self._handing_out = handing_out
        self._entitled_to = entitled
        self._where = where
        self._rate = rate

    def routes(self) -> list[Route]:
        return [
            Route("/v1/health", _health, methods=["GET"]),
            Route("/v1/agreements/{agreement}", guarded(self._describe), methods=["GET"]),
            Route("/v1/agreements/{agreement}/keys", guarded(self._hand_out), methods=["POST"]),
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
                "sealed_to": self._sealed_to(held.agreement.recipient),
            }
        )

    def _sealed_to(self, recipient: str) -> list[str]:
        """Return the ids of the sealing keys that are valid now, the newest first."""
        member, now = self._entitled_to.member(recipient), datetime.now(UTC)
        valid = [key for key in member.sealing_keys if key.is_valid(now)] if member else []
        return [key.id for key in sorted(valid, key=lambda key: key.valid.from_, reverse=True)]

    async def _hand_out(self, request: Request) -> Response:
        held = await run_in_threadpool(self._entitled, request)
        asked = await asked_for(request)
        recipient = held.agreement.recipient
        wait_s = self._rate.wait_s(recipient)
        if wait_s:
            self._doors.count(KEYS, recipient, "rate")
            raise TooFastError(_TOO_FAST, wait_s)
        self._rate.spend(recipient, max(len(asked.handles), LEAST_COST))
        body = await run_in_threadpool(self._answer, held, asked)
        return JSONResponse(body, headers={"cache-control": "no-store"})

    def _answer(self, held: AgreementInForce, asked: Asked) -> dict[str, object]:
        self._entitled_to.require_known()
        agreement, recipient = held.agreement.id, held.agreement.recipient
        member = self._entitled_to.member(recipient)
        if member is None:
            raise RefusedError(_NOT_YOURS)
        try:
            return self._handing_out.answer(agreement, member, asked, lambda: self._still(agreement, recipient))
        except SealingRefusedError:
            self._doors.count(KEYS, recipient, "sealing_key")
            raise

    def _still(self, agreement: str, recipient: str) -> None:
        self._entitled_to.require_known()
        if self._entitled_to.agreement(recipient, agreement) is None:
            self._doors.count(KEYS, recipient, "authorization")
            raise RefusedError(_NOT_YOURS)

    def _entitled(self, request: Request) -> AgreementInForce:
        """Return the agreement if the caller is its recipient and it is in force. Raises RefusedError otherwise."""
        member = self._doors.enter(request, KEYS).member
        held = self._entitled_to.agreement(member, request.path_params["agreement"])
        if held is None:
            self._doors.count(KEYS, member, "authorization")
            raise RefusedError(_NOT_YOURS)
        return held


_NOT_YOURS = "no such agreement of yours is in force"
_TOO_FAST = "more keys were asked for than this gateway hands out in that time"


async def _health(_request: Request) -> Response:
    return JSONResponse({"state": "running"})
