"""Notices of erasure for recipients, and their receipts: a member gets and answers its own, and sees no other."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ...processors.erasure_notice import verified
from ...schemas.canonical import digest
from ...schemas.erasure import CaseStep
from ...schemas.errors import RefusedError
from ...schemas.generation import Generation
from .answers import BadRequestError, guarded, json_body
from .doors import KEYS, Doors

MOST_BYTES = 16 * 1024
MOST_GROUND = 500


class Papers(Protocol):
    """Keeps notices until they are answered."""

    def cases_for(self, member: str) -> list[str]: ...

    def notice(self, case: str, member: str) -> Mapping[str, Any] | None: ...

    def drop(self, case: str, member: str) -> None: ...


class ErasureDesk:
    """Hands notices out and takes receipts in. `record` writes a step durably, or raises UnavailableError."""

    def __init__(
        self,
        doors: Doors,
        papers: Papers,
        current: Callable[[], Generation | None],
        record: Callable[[CaseStep], None],
    ) -> None:
        self._doors = doors
        self._papers = papers
        self._current = current
        self._record = record

    def routes(self) -> list[Route]:
        return [
            Route("/v1/erasures", guarded(self._list), methods=["GET"]),
            Route("/v1/erasures/{case}/receipt", guarded(self._answer), methods=["POST"]),
        ]

    async def _list(self, request: Request) -> Response:
        member = await run_in_threadpool(self._member, request)
        found = await run_in_threadpool(self._notices, member)
        return JSONResponse({"notices": found}, headers={"cache-control": "no-store"})

    async def _answer(self, request: Request) -> Response:
        member = await run_in_threadpool(self._member, request)
        body = await json_body(request, MOST_BYTES)
        await run_in_threadpool(self._take, member, request.path_params["case"], body)
        return JSONResponse({"state": "received"}, status_code=201)

    def _member(self, request: Request) -> str:
        return self._doors.enter(request, KEYS).member or ""

    def _notices(self, member: str) -> list[Mapping[str, Any]]:
        held = [self._papers.notice(case, member) for case in self._papers.cases_for(member)]
        return [one for one in held if one is not None]

    def _take(self, member: str, case: str, body: Any) -> None:
        """Write a receipt down, then let its notice go. Raises RefusedError where it answers nothing."""
        held, generation = self._papers.notice(case, member), self._current()
        if held is None or generation is None:
            self._doors.count(KEYS, member, "authorization")
            raise RefusedError("no notice of this case awaits your receipt")
        said = verified("receipt", body, generation.charter)
        names = (body["member"], said.get("recipient"), said.get("case"), said.get("notice"))
        if names != (member, member, case, digest(held["said"])):
            raise RefusedError("the receipt answers another notice")
        self._record(_step(said, body))
        self._papers.drop(case, member)


def _step(said: Mapping[str, Any], body: Mapping[str, Any]) -> CaseStep:
    outcome, ground, at_ms = said.get("outcome"), said.get("ground"), said.get("at_ms")
    if outcome not in {"erased", "kept"} or not isinstance(ground, str) or len(ground) > MOST_GROUND:
        raise BadRequestError(f"`outcome` is erased or kept, `ground` a text of at most {MOST_GROUND} characters")
    if not isinstance(at_ms, int) or isinstance(at_ms, bool) or (outcome == "kept") != bool(ground):
        raise BadRequestError("`at_ms` is a whole number; what is kept has a ground, what is erased has none")
    return CaseStep(
        said["case"],
        "received",
        at_ms,
        said["recipient"],
        digest=said["notice"],
        outcome=outcome,
        ground=ground,
        key=body["key"],
        signature=body["signature"],
    )
