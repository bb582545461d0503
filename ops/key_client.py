"""A recipient's side of the key desk: asks the gateway for keys, and keeps them within limits."""

import base64
import json
import ssl
import time
import urllib.error
import urllib.request
from collections import OrderedDict
from collections.abc import Collection, Mapping
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from ..schemas.errors import ConfigurationError, RefusedError, UnavailableError
from ..streams.https import Certificate, opener

MOST_HANDLES = 1_000
TIMEOUT_S = 10.0


class GatewayClient:
    """Speaks to a gateway with one member's token, or without one (empty) by its client `certificate`.

    `ca_file` names the certificates to trust instead of the system's.
    """

    def __init__(
        self, url: str, token: str, *, ca_file: str | None = None, certificate: Certificate | None = None
    ) -> None:
        self.url = url.rstrip("/")
        if urlsplit(self.url).scheme not in {"http", "https"}:
            raise ConfigurationError(
                "the gateway's address is no http or https URL", remedy="write it like https://gateway.example:8443"
            )
        self._headers = {"authorization": f"Bearer {token}"} if token else {}
        self._opener = opener(self.url, ca_file, certificate)

    def agreement(self, agreement: str) -> dict[str, Any]:
        """Return where the agreement's view is. Raises RefusedError, UnavailableError."""
        return self._ask(f"/v1/agreements/{agreement}", None)

    def keys(self, agreement: str, handles: Collection[bytes]) -> dict[bytes, bytes]:
        """Return the keys of those `handles` that belong to the agreement; others are absent."""
        body = json.dumps({"handles": [handle.hex() for handle in handles]}).encode()
        found = self._ask(f"/v1/agreements/{agreement}/keys", body)["keys"]
        return {bytes.fromhex(handle): base64.b64decode(key) for handle, key in found.items()}

    def _ask(self, path: str, body: bytes | None) -> dict[str, Any]:
        headers = {**self._headers, "content-type": "application/json"}
        request = urllib.request.Request(self.url + path, data=body, headers=headers)  # noqa: S310 - http(s)
        try:
            with self._opener.open(request, timeout=TIMEOUT_S) as answer:
                found: dict[str, Any] = json.load(answer)
                return found
        except urllib.error.HTTPError as failure:
            raise _refusal(failure, self.url) from None
        except (OSError, HTTPException, ValueError) as failure:
            raise _silence(failure, self.url) from None


def _silence(failure: Exception, url: str) -> UnavailableError | RefusedError:
    if isinstance(getattr(failure, "reason", failure), ssl.SSLCertVerificationError):
        return RefusedError(
            "the gateway's certificate is of no authority that we trust, or of another name",
            place=url,
            remedy="name the authority's certificate: PENSTOCK_CA_FILE",
        )
    return UnavailableError("the gateway does not answer", place=url, remedy="is it running? penstock status")


def _refusal(failure: urllib.error.HTTPError, url: str) -> RefusedError | UnavailableError:
    with failure:
        try:
            said = str(json.load(failure)["error"])
        except (ValueError, KeyError, TypeError):
            said = f"HTTP {failure.code}"
    if failure.code >= 500:
        return UnavailableError(said, place=url)
    return RefusedError(said, place=url)


class KeyCache:
    """Keys by handle, at most `limit` of them, none older than `max_age_s`: a revocation acts within that time."""

    def __init__(self, client: GatewayClient, agreement: str, *, limit: int = 100_000, max_age_s: float = 300) -> None:
        self._client = client
        self._agreement = agreement
        self._limit = limit
        self._max_age_s = max_age_s
        self._held: OrderedDict[bytes, tuple[float, bytes]] = OrderedDict()

    def ask_again(self) -> None:
        """Ask whether the agreement still is ours and in force. Raises RefusedError when it is not."""
        self._client.agreement(self._agreement)

    def get(self, handles: Collection[bytes]) -> Mapping[bytes, bytes]:
        """Return the keys of `handles`, asking the gateway for those not held."""
        oldest = time.monotonic() - self._max_age_s
        while self._held and next(iter(self._held.values()))[0] < oldest:
            self._held.popitem(last=False)
        missing = [handle for handle in handles if handle not in self._held]
        for start in range(0, len(missing), MOST_HANDLES):
            part = missing[start : start + MOST_HANDLES]
            now = time.monotonic()
            for handle, key in self._client.keys(self._agreement, part).items():
                self._held[handle] = (now, key)
        found = {handle: self._held[handle][1] for handle in handles if handle in self._held}
        while len(self._held) > self._limit:
            self._held.popitem(last=False)
        return found
