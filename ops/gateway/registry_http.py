"""The subset of Confluent's schema registry REST that Penstock serves."""

import json
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ...schemas.errors import KeyUnavailableError, UnavailableError
from . import registry_errors as errors
from . import registry_requests as requests
from .doors import ASKED_FOR
from .registry_state import RegistryState, Version

MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"
MOST_BYTES = 2 * 1024 * 1024

T = TypeVar("T")


class Store(Protocol):
    """What the routes need of the registry."""

    def read(self, ask: Callable[[RegistryState], T]) -> T: ...

    def write(self, decide: Callable[[RegistryState], tuple[T, requests.Records]]) -> T: ...


Door = Callable[[Request], Awaitable[Store]]
"""Gives the registry as whoever asks may see it. Raises RegistryError for one who may not ask."""


class Endpoints:
    """One method a route; each returns what is sent as JSON."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @classmethod
    def routes(cls, door: Door) -> list[Route]:
        table: list[tuple[str, str, Handler]] = [
            ("GET", "/subjects", cls.subjects),
            ("POST", "/subjects/{subject}", cls.lookup),
            ("DELETE", "/subjects/{subject}", cls.delete_subject),
            ("GET", "/subjects/{subject}/versions", cls.versions),
            ("POST", "/subjects/{subject}/versions", cls.register),
            ("GET", "/subjects/{subject}/versions/{version}", cls.version),
            ("DELETE", "/subjects/{subject}/versions/{version}", cls.delete_version),
            ("GET", "/subjects/{subject}/versions/{version}/schema", cls.version_schema),
            ("GET", "/subjects/{subject}/versions/{version}/referencedby", cls.referenced_by),
            ("GET", "/schemas/types", cls.types),
            ("GET", "/schemas/ids/{id:int}", cls.schema),
            ("GET", "/schemas/ids/{id:int}/schema", cls.schema_text),
            ("GET", "/schemas/ids/{id:int}/subjects", cls.schema_subjects),
            ("GET", "/schemas/ids/{id:int}/versions", cls.schema_versions),
            ("POST", "/compatibility/subjects/{subject}/versions", cls.compatibility),
            ("POST", "/compatibility/subjects/{subject}/versions/{version}", cls.compatibility),
            ("GET", "/config", cls.level),
            ("PUT", "/config", cls.set_level),
            ("DELETE", "/config", cls.delete_level),
            ("GET", "/config/{subject}", cls.level),
            ("PUT", "/config/{subject}", cls.set_level),
            ("DELETE", "/config/{subject}", cls.delete_level),
            ("GET", "/mode", cls.mode),
            ("PUT", "/mode", cls.set_mode),
            ("GET", "/mode/{subject}", cls.mode),
            ("PUT", "/mode/{subject}", cls.set_mode),
            ("DELETE", "/mode/{subject}", cls.delete_mode),
        ]
        return [Route(path, _answering(handler, door), methods=[method]) for method, path, handler in table]

    async def _read(self, ask: Callable[[RegistryState], T]) -> T:
        return await run_in_threadpool(self._store.read, ask)

    async def _write(self, decide: Callable[[RegistryState], tuple[T, requests.Records]]) -> T:
        return await run_in_threadpool(self._store.write, decide)

    async def subjects(self, request: Request) -> list[str]:
        deleted, only = _flag(request, "deleted"), _flag(request, "deletedOnly") or _flag(request, "deleted_only")
        prefix = request.query_params.get("subjectPrefix", "")

        def ask(state: RegistryState) -> list[str]:
            live = set(state.subjects()) if only else set()
            found = state.subjects(deleted=deleted or only)
            return [one for one in found if one.startswith(prefix) and one not in live]

        return _page(request, await self._read(ask))

    async def lookup(self, request: Request) -> dict[str, Any]:
        subject, deleted = _subject(request), _flag(request, "deleted")
        schema = await _schema(request)

        def ask(state: RegistryState) -> Version:
            if not (state.versions(subject) if deleted else state.live(subject)):
                raise errors.subject_not_found(subject)
            found = requests.find(state, subject, schema, deleted=deleted)
            if found is None:
                raise errors.schema_not_found()
            return found

        return _described(await self._read(ask))

    async def delete_subject(self, request: Request) -> list[int]:
        subject, permanent = _subject(request), _flag(request, "permanent")
        return await self._write(lambda state: requests.delete_subject(state, subject, permanent=permanent))

    async def versions(self, request: Request) -> list[int]:
        subject = _subject(request)
        deleted, only = _flag(request, "deleted"), _flag(request, "deletedOnly") or _flag(request, "deleted_only")

        def ask(state: RegistryState) -> list[int]:
            found = state.versions(subject) if deleted or only else state.live(subject)
            if not found:
                raise errors.subject_not_found(subject)
            return [one.version for one in found if one.deleted or not only]

        return _page(request, await self._read(ask))

    async def register(self, request: Request) -> dict[str, Any]:
        subject, body = _subject(request), await _body(request)
        schema = await _parsed(request, body)
        schema_id = await self._write(lambda state: requests.register(state, subject, schema, body))
        return {"id": schema_id}

    async def version(self, request: Request) -> dict[str, Any]:
        return _described(await self._version(request))

    async def version_schema(self, request: Request) -> Response:
        return _text((await self._version(request)).schema)

    async def referenced_by(self, request: Request) -> list[int]:
        """Nothing refers to anything: references are refused when a schema is registered."""
        await self._version(request)
        return []

    async def _version(self, request: Request) -> Version:
        subject, number, deleted = _subject(request), _number(request), _flag(request, "deleted")
        return await self._read(lambda state: state.version(subject, number, deleted=deleted))

    async def delete_version(self, request: Request) -> int:
        subject, number, permanent = _subject(request), _number(request), _flag(request, "permanent")
        return await self._write(lambda state: requests.delete_version(state, subject, number, permanent=permanent))

    async def types(self, _request: Request) -> list[str]:
        return ["AVRO"]

    async def schema(self, request: Request) -> dict[str, Any]:
        def ask(state: RegistryState) -> dict[str, Any]:
            found: dict[str, Any] = {"schema": state.holders(request.path_params["id"])[0].schema}
            if _flag(request, "fetchMaxId"):
                found["maxId"] = state.highest_id
            return found

        return await self._read(ask)

    async def schema_text(self, request: Request) -> Response:
        return _text((await self._holders(request, deleted=True))[0].schema)

    async def schema_subjects(self, request: Request) -> list[str]:
        held = await self._holders(request, deleted=_flag(request, "deleted"))
        return _page(request, sorted({one.subject for one in held}))

    async def schema_versions(self, request: Request) -> list[dict[str, Any]]:
        held = await self._holders(request, deleted=_flag(request, "deleted"))
        return _page(request, [{"subject": one.subject, "version": one.version} for one in held])

    async def _holders(self, request: Request, *, deleted: bool) -> list[Version]:
        held = await self._read(lambda state: state.holders(request.path_params["id"]))
        only = request.query_params.get("subject")
        return [one for one in held if (deleted or not one.deleted) and only in (None, one.subject)]

    async def compatibility(self, request: Request) -> dict[str, Any]:
        subject, one = _subject(request), "version" in request.path_params
        number = _number(request) if one else None
        schema = await _schema(request)

        def ask(state: RegistryState) -> list[str]:
            against = [state.version(subject, number)] if one else state.live(subject)
            return requests.obstacles(state, subject, schema, against)

        messages = await self._read(ask)
        answer: dict[str, Any] = {"is_compatible": not messages}
        return answer | {"messages": messages} if _flag(request, "verbose") else answer

    async def level(self, request: Request) -> dict[str, str]:
        subject, default = _maybe_subject(request), _flag(request, "defaultToGlobal")

        def ask(state: RegistryState) -> str:
            if subject is not None and subject not in state.levels and not default:
                raise errors.config_not_found(subject)
            return state.level(subject)

        return {"compatibilityLevel": await self._read(ask)}

    async def set_level(self, request: Request) -> dict[str, str]:
        subject, body = _maybe_subject(request), await _body(request)
        return {"compatibility": await self._write(lambda _state: requests.set_level(subject, body))}

    async def delete_level(self, request: Request) -> dict[str, str]:
        subject = _maybe_subject(request)
        return {"compatibilityLevel": await self._write(lambda state: requests.delete_level(state, subject))}

    async def mode(self, request: Request) -> dict[str, str]:
        subject, default = _maybe_subject(request), _flag(request, "defaultToGlobal")

        def ask(state: RegistryState) -> str:
            if subject is not None and subject not in state.modes and not default:
                raise errors.mode_not_found(subject)
            return state.mode(subject)

        return {"mode": await self._read(ask)}

    async def set_mode(self, request: Request) -> dict[str, str]:
        subject, body, force = _maybe_subject(request), await _body(request), _flag(request, "force")
        return {"mode": await self._write(lambda state: requests.set_mode(state, subject, body, force=force))}

    async def delete_mode(self, request: Request) -> dict[str, str]:
        subject = _subject(request)
        return {"mode": await self._write(lambda state: requests.delete_mode(state, subject))}


Handler = Callable[[Endpoints, Request], Awaitable[Any]]


def _answering(handler: Handler, door: Door) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            found = await handler(Endpoints(await door(request)), request)
        except errors.RegistryError as refusal:
            return _error(refusal)
        except (UnavailableError, KeyUnavailableError) as failure:
            return _error(errors.store_failed(failure.message))
        return found if isinstance(found, Response) else JSONResponse(found, media_type=MEDIA_TYPE)

    return answer


def _error(refusal: errors.RegistryError) -> Response:
    body = {"error_code": refusal.code, "message": refusal.message}
    headers = {"www-authenticate": ASKED_FOR} if refusal.status == 401 else {}
    return JSONResponse(body, status_code=refusal.status, media_type=MEDIA_TYPE, headers=headers)


def _text(schema: str) -> Response:
    return Response(schema, media_type=MEDIA_TYPE)


def _described(held: Version) -> dict[str, Any]:
    return {"subject": held.subject, "version": held.version, "id": held.id, "schema": held.schema}


async def _body(request: Request) -> dict[str, Any]:
    """Return the JSON object of a request of bounded size."""
    raw = bytearray()
    async for piece in request.stream():
        raw += piece
        if len(raw) > MOST_BYTES:
            raise errors.RegistryError(413, "the request is too large")
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        raise errors.bad_request("the request is not JSON") from None
    if not isinstance(body, dict):
        raise errors.bad_request("the request is no JSON object")
    return body


async def _schema(request: Request) -> str:
    return await _parsed(request, await _body(request))


async def _parsed(request: Request, body: dict[str, Any]) -> str:
    return await run_in_threadpool(requests.schema_text, body, normalize=_flag(request, "normalize"))


def _subject(request: Request) -> str:
    return str(request.path_params["subject"])


def _maybe_subject(request: Request) -> str | None:
    return request.path_params.get("subject")


def _number(request: Request) -> int | None:
    """Return the version asked for, None for the latest."""
    text = str(request.path_params["version"])
    if text in {"latest", "-1"}:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 10 or not 0 < int(text) <= requests.HIGHEST:
        raise errors.invalid_version(text)
    return int(text)


def _flag(request: Request, name: str) -> bool:
    return request.query_params.get(name, "").lower() == "true"


def _page(request: Request, found: list[T]) -> list[T]:
    try:
        offset, limit = int(request.query_params.get("offset", 0)), int(request.query_params.get("limit", -1))
    except ValueError:
        raise errors.bad_request("`offset` and `limit` must be whole numbers") from None
    rest = found[max(offset, 0) :]
    return rest if limit < 0 else rest[:limit]
