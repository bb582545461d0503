"""What an HTTP source offers, as OpenAPI 3.1: every status, header and media type that it answers with."""

from typing import Any

from ...schemas.avro_json_schema import json_schema
from ...schemas.contract import DataContract
from .body import AVRO, AVRO_LINES, LINES, PLAIN
from .options import HttpOptions
from .problem import JSON, PROBLEM
from .request import KEY_PATTERN

_EVENT = {"$ref": "#/components/schemas/Event"}
_BATCH = {"type": "array", "minItems": 1}
_BLANK, _BOM = r" \t\n\r\u000b\f", r"\ufeff"
_SOME = rf"^({_BOM}[{_BLANK}]*[^{_BLANK}]|[{_BLANK}]*[^{_BLANK}{_BOM}]|[{_BLANK}]+{_BOM})"
_LINES = {"type": "string", "pattern": _SOME, "description": "One event a line."}
_SECONDS = {"type": "integer", "minimum": 1}

_PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457; `reason` is for programs.",
    "required": ["type", "title", "status", "reason", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "reason": {"type": "string"},
        "detail": {"type": "string"},
    },
}

_RECEIPT: dict[str, Any] = {
    "type": "object",
    "required": ["receipt", "accepted", "duplicates", "quarantined", "received_at"],
    "properties": {
        "receipt": {"type": "string", "description": "Stands in the quarantine's headers too."},
        "accepted": {"type": "integer", "minimum": 0},
        "duplicates": {"type": "integer", "minimum": 0, "description": "Published before, and discarded."},
        "quarantined": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["index", "reason"],
                "properties": {
                    "index": {"type": "integer", "minimum": 0, "description": "From 0; blank lines do not count."},
                    "reason": {"type": "string"},
                },
            },
        },
        "received_at": {"type": "string", "format": "date-time"},
    },
}

_PROBLEMS = {
    "400": "The body is no usable JSON, or a header or parameter is unfit. Nothing was taken.",
    "401": "No token, or one that is not valid, not yours, expired or revoked.",
    "403": "The token or certificate is another member's, or for another door.",
    "404": "There is nothing here.",
    "405": "Another method is wanted.",
    "408": "The body did not come in time. Nothing was taken.",
    "409": "A request with this Idempotency-Key is being worked on.",
    "413": "The body is too large, or holds too many records. Nothing was taken.",
    "415": "The body is of another media type, or compressed.",
    "429": "Too fast, or too much is waiting. Nothing was taken.",
    "503": "Stopping, starting, or the outcome is not known: send it again with the same Idempotency-Key.",
}
_HEADERS: dict[str, dict[str, Any]] = {
    "401": {"WWW-Authenticate": {"schema": {"type": "string"}, "required": True}},
    "405": {"Allow": {"schema": {"type": "string"}, "required": True}},
    "409": {"Retry-After": {"schema": _SECONDS, "required": True}},
    "429": {"Retry-After": {"schema": _SECONDS, "required": True}},
    "503": {"Retry-After": {"schema": _SECONDS, "required": True}},
}


def openapi(contract: DataContract, options: HttpOptions) -> dict[str, Any]:
    """Return the description of the source that feeds `contract`."""
    needed = frozenset(path for path in (contract.event_id, contract.data_subject) if path and "." not in path)
    return {
        "openapi": "3.1.0",
        "info": {"title": f"Events of {contract.id}", "version": contract.version, "description": contract.title},
        "paths": {
            f"/v1/datasets/{contract.id}/events": {"post": _post(options)},
            "/v1/health": {"get": _get("Says whether events are taken.", ["405", "503"])},
            "/openapi.json": {"get": _get("This description.", ["405"])},
        },
        "components": {
            "schemas": {"Event": json_schema(contract.schema, needed), "Receipt": _RECEIPT, "Problem": _PROBLEM},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "certificate": {"type": "mutualTLS"},
            },
        },
    }


def _post(options: HttpOptions) -> dict[str, Any]:
    return {
        "operationId": "publish",
        "summary": "Publish one event, or a batch of events.",
        "description": "In Avro's own JSON a single event may be sent too. `?encoding=avro-json` says the same as its "
        "media types.",
        "security": [{"token": []}, {"certificate": []}],
        "parameters": [_key()],
        "requestBody": {
            "required": True,
            "description": f"At most {options.max_body_bytes} bytes and {options.max_records} events.",
            "content": {
                PLAIN: {"schema": {"oneOf": [_EVENT, _BATCH]}},
                AVRO: {"schema": _BATCH},
                LINES: {"schema": _LINES},
                AVRO_LINES: {"schema": _LINES},
            },
        },
        "responses": {
            "202": _answer(
                "Committed in Kafka. Of a batch, records that were refused are in quarantine, and listed.",
                {"Idempotency-Replayed": {"schema": {"const": "true"}, "description": "Answered before."}},
            ),
            "422": _unprocessable(),
            **{status: _problem(status) for status in _PROBLEMS},
        },
    }


def _key() -> dict[str, Any]:
    return {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "The same key and body count once, and are answered alike, for 24 hours.",
        "schema": {"type": "string", "pattern": KEY_PATTERN},
    }


def _unprocessable() -> dict[str, Any]:
    about = "The single event is in quarantine, for the reason listed; or another body came with this Idempotency-Key."
    answer = _answer(about, {})
    answer["content"][PROBLEM] = {"schema": {"$ref": "#/components/schemas/Problem"}}
    return answer


def _answer(description: str, headers: dict[str, Any]) -> dict[str, Any]:
    content = {JSON: {"schema": {"$ref": "#/components/schemas/Receipt"}}}
    return {"description": description, "headers": headers, "content": content}


def _problem(status: str) -> dict[str, Any]:
    content = {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {"description": _PROBLEMS[status], "headers": _HEADERS.get(status, {}), "content": content}


def _get(summary: str, problems: list[str]) -> dict[str, Any]:
    good = {"description": "So it is.", "content": {JSON: {"schema": {"type": "object"}}}}
    return {"summary": summary, "responses": {"200": good, **{one: _problem(one) for one in problems}}}
