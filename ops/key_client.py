"""A recipient's side of the key desk: asks the gateway for keys, and keeps them within limits."""

import base64
import json
import time
import urllib.error
import urllib.request
from collections import OrderedDict
from collections.abc import Collection, Mapping
from http.client import HTTPException
from typing import Any

from ..schemas.errors import RefusedError, UnavailableError

MOST_HANDLES = 1_000
TIMEOUT_S = 10.0


class GatewayClient:
    """Speaks to a gateway with one member's token."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url.rstrip("/")
        self._token = token

    def agreement(self, agreement: str) -> dict[str, Any]:
        """Return where the agreement's view is. Raises RefusedError, UnavailableError."""
        return self._ask(f"/v1/agreements/{agreement}", None)

    def keys(self, agreement: str, handles: Collection[bytes]) -> dict[bytes, bytes]:
        """Return the keys of those `handles` that belong to the agreement; others are absent."""
        body = json.dumps({"handles": [handle.hex() for handle in handles]}).encode()
        found = self._ask(f"/v1/agreements/{agreement}/keys", body)["keys"]
        return {bytes.fromhex(handle): base64.b64decode(key) for handle, key in found.items()}

    def _ask(self, path: str, body: bytes | None) -> dict[str, Any]:
        headers = {"authorization": f"Bearer {self._token}", "content-type": "application/json"}
        request = urllib.request.Request(self.url + path, data=body, headers=headers)  # noqa: S310 - the operator's URL
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 - as above
                found: dict[str, Any] = json.load(answer)
                return found
        except urllib.error.HTTPError as failure:
            raise _refusal(failure, self.url) from None
        except (OSError, HTTPException, ValueError):
            raise UnavailableError(
                "the gateway does not answer", place=self.url, remedy="is it running? penstock status"
            ) from None


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
