"""The client side of a schema registry that speaks Confluent's REST, ours or another."""

import base64
import json
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from http.client import HTTPException
from typing import Any
from urllib.parse import quote, urlsplit

from ..schemas.errors import ConfigurationError, DocumentError, PenstockError, RefusedError, UnavailableError
from .https import Certificate, opener

PATIENCE_S = 10.0
MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"
_NO_SUCH_SCHEMA = 40403
_MOST_BYTES = 16 * 1024 * 1024


class RegistryClient:
    """Registers schemas and looks them up. An id's schema never changes, so it is asked for once and kept.

    `basic` (user, password) or a bearer `token` goes with every request and into no message; one that is a function
    is called for each request, and what it raises comes through. `ca_file` names the certificates to trust instead of
    the system's, `certificate` files of our own. Safe to share between threads. Every method raises UnavailableError
    when the registry does not answer (the same call may succeed later), RefusedError when it does
    not let us in.
    """

    def __init__(  # noqa: PLR0913 - whom we believe, and who we are
        self,
        url: str,
        *,
        basic: tuple[str, str] | None = None,
        token: str | Callable[[], str] | None = None,
        ca_file: str | None = None,
        certificate: Certificate | None = None,
        timeout_s: float = PATIENCE_S,
    ) -> None:
        parts = urlsplit(url.rstrip("/"))
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
            raise ConfigurationError(
                "the registry's address is no http or https URL, or has a user in it",
                remedy="write it like http://localhost:8081",
            )
        self._address = url.rstrip("/")
        self._timeout_s = timeout_s
        self._headers = {"Accept": MEDIA_TYPE, "Content-Type": MEDIA_TYPE, "User-Agent": "penstock"}
        login = f"Basic {base64.b64encode(':'.join(basic).encode()).decode()}" if basic else ""
        self._authorization = _bearer(token) if token else lambda: login
        self._opener = opener(self._address, ca_file, certificate)
        self._schemas: dict[int, dict[str, Any]] = {}

    def register(self, subject: str, schema: Mapping[str, Any]) -> int:
        """Register `schema` under `subject` and return its id; the same schema again gives the same id.

        Raises DocumentError when the registry takes it for invalid or incompatible.
        """
        answer = self._ask("POST", f"/subjects/{_part(subject)}/versions", {"schema": json.dumps(schema)})
        return int(answer["id"])

    def schema(self, schema_id: int) -> dict[str, Any] | None:
        """Return the schema of an id; None when the registry says that there is none, or none that is an Avro object.

        Anybody may register a schema of another kind and write its id: that is no reason to wait for a better answer.
        """
        held = self._schemas.get(schema_id)
        if held is None:
            try:
                answer = self._ask("GET", f"/schemas/ids/{schema_id}")
            except _NotFound:
                return None
            held = _avro_object(answer)
            if held is not None:
                self._schemas[schema_id] = held
        return held

    def set_compatibility(self, subject: str, mode: str) -> None:
        """Set a subject's compatibility mode, such as NONE or BACKWARD."""
        self._ask("PUT", f"/config/{_part(subject)}", {"compatibility": mode})

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        headers = {**self._headers, "Authorization": self._authorization()}
        headers = {name: said for name, said in headers.items() if said}
        request = urllib.request.Request(self._address + path, data, headers, method=method)  # noqa: S310 - http(s)
        try:
            with self._opener.open(request, timeout=self._timeout_s) as response:
                answer = json.loads(response.read(_MOST_BYTES))
        except urllib.error.HTTPError as refusal:
            with refusal:
                raise self._refusal(refusal.code, refusal.read(_MOST_BYTES)) from None
        except (OSError, HTTPException) as failure:
            raise self._unavailable(_reason(failure)) from None
        except ValueError:
            raise self._unavailable("it answered something that is no JSON") from None
        if not isinstance(answer, dict):
            raise self._unavailable("it answered something unexpected")
        return answer

    def _refusal(self, status: int, body: bytes) -> PenstockError:
        code, message = _error_of(status, body)
        if status in {401, 403}:
            return RefusedError(
                f"the schema registry refused us ({status})", place=self._address, remedy="check its user or token"
            )
        if code == _NO_SUCH_SCHEMA:
            return _NotFound(f"the schema registry says: {message}", place=self._address)
        if status in {409, 422}:
            return DocumentError(
                f"the schema registry does not take the schema: {message}",
                place=self._address,
                remedy="change the schema, or the subject's compatibility mode",
            )
        return self._unavailable(f"it answered with status {status}")

    def _unavailable(self, why: str) -> UnavailableError:
        return UnavailableError(
            f"the schema registry does not answer: {why}", place=self._address, remedy="check that it is up"
        )


def _bearer(token: str | Callable[[], str]) -> Callable[[], str]:
    return lambda: f"Bearer {token() if callable(token) else token}"


class _NotFound(PenstockError):  # noqa: N818 - an answer, told apart in this module
    """The registry says that it has no such schema. A 404 of anything else, such as a proxy, says nothing of that."""


def _part(text: str) -> str:
    return quote(text, safe="")


def _reason(failure: Exception) -> str:
    cause = getattr(failure, "reason", failure)
    number = getattr(cause, "errno", None)
    if isinstance(cause, TimeoutError):
        return "time-out"
    return os.strerror(number).lower() if number else type(cause).__name__


def _avro_object(answer: Mapping[str, Any]) -> dict[str, Any] | None:
    if answer.get("schemaType", "AVRO") != "AVRO":
        return None
    try:
        schema = json.loads(answer["schema"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return schema if isinstance(schema, dict) else None


def _error_of(status: int, body: bytes) -> tuple[int, str]:
    try:
        answer = json.loads(body)
        return int(answer["error_code"]), str(answer["message"])
    except (ValueError, KeyError, TypeError):
        return status, f"status {status}"
