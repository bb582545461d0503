"""A recipient's side of the key desk: asks the gateway for keys, and keeps them within limits."""

import base64
import json
import os
import ssl
import time
import urllib.error
import urllib.request
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from http import HTTPStatus
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from ..processors.key_message import open_keys
from ..schemas.errors import ConfigurationError, RecordError, RefusedError, UnavailableError
from ..schemas.key_message import MOST_KEYS, NONCE_BYTES, KeyRequest
from ..streams.https import Certificate, opener
from .recipient_keys import RecipientKey

TIMEOUT_S = 10.0
MOST_WAIT_S = 60.0
"""So long the gateway may ask to wait: its rate is by the second, and a longer wait is no rate of ours."""


class GatewayClient:
    """Speaks to a gateway with one member's token, or without one (empty) by its client `certificate`.

    `ca_file` names the certificates to trust instead of the system's. With `sealing_keys` it takes sealed keys only;
    without, those that the charter lets go as they are. `sleep` waits where the gateway says that it was too fast.
    """

    def __init__(  # noqa: PLR0913 - how one proves who one is
        self,
        url: str,
        token: str,
        *,
        ca_file: str | None = None,
        certificate: Certificate | None = None,
        sealing_keys: Sequence[RecipientKey] = (),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = url.rstrip("/")
        if urlsplit(self.url).scheme not in {"http", "https"}:
            raise ConfigurationError(
                "the gateway's address is no http or https URL", remedy="write it like https://gateway.example:8443"
            )
        self._headers = {"authorization": f"Bearer {token}"} if token else {}
        self._opener = opener(self.url, ca_file, certificate)
        self._sealing_keys = {one.id: one for one in sealing_keys}
        self._chosen: dict[str, RecipientKey] = {}
        self._sleep = sleep

    def agreement(self, agreement: str) -> dict[str, Any]:
        """Return where the agreement's view is. Raises RefusedError, UnavailableError."""
        return self._ask(f"/v1/agreements/{agreement}", None)

    def keys(self, agreement: str, handles: Collection[bytes]) -> dict[bytes, bytes]:
        """Return the keys of those `handles` that belong to the agreement; others are absent.

        Waits where the gateway asks for it. Raises RefusedError, also for an answer that is not sealed to us;
        UnavailableError.
        """
        if not self._sealing_keys:
            found = self._answer(agreement, {"handles": [handle.hex() for handle in handles]}, "keys")
            return {bytes.fromhex(handle): base64.b64decode(key) for handle, key in found.items()}
        key = self._sealing_key(agreement)
        try:
            return self._sealed(agreement, list(handles), key)
        except RefusedError:
            # The charter may name another of our keys by now.
            del self._chosen[agreement]
            if self._sealing_key(agreement) is key:
                raise
        return self._sealed(agreement, list(handles), self._sealing_key(agreement))

    def _sealed(self, agreement: str, handles: list[bytes], key: RecipientKey) -> dict[bytes, bytes]:
        request = KeyRequest(agreement, key.member, key.id, os.urandom(NONCE_BYTES), handles)
        body = {"handles": [one.hex() for one in handles], "key": key.id, "request": request.nonce.hex()}
        said = self._answer(agreement, body, "sealed")
        try:
            return open_keys(base64.b64decode(said, validate=True), request, key.private)
        except (RecordError, ValueError, TypeError) as bad:
            why = bad.message if isinstance(bad, RecordError) else "the key message is no base64"
            raise RefusedError(why, place=f"{self.url}, {agreement}, sealing key `{key.id}`", remedy=_OTHER) from None

    def _sealing_key(self, agreement: str) -> RecipientKey:
        """Return the newest of our keys that the charter in force names, as the gateway tells."""
        if agreement not in self._chosen:
            named = self.agreement(agreement).get("sealed_to", [])
            held = [self._sealing_keys[one] for one in named if one in self._sealing_keys]
            if not held:
                raise RefusedError(
                    f"the charter in force names none of our sealing keys ({', '.join(self._sealing_keys)}) as valid",
                    place=self.url,
                    remedy="have the public half of one put into the charter",
                )
            self._chosen[agreement] = held[0]
        return self._chosen[agreement]

    def _answer(self, agreement: str, body: Mapping[str, Any], kind: str) -> Any:
        said = self._asked_patiently(f"/v1/agreements/{agreement}/keys", json.dumps(body).encode())
        if kind not in said:
            raise RefusedError("the gateway answers keys in another form than was asked for", place=self.url)
        return said[kind]

    def _asked_patiently(self, path: str, body: bytes) -> dict[str, Any]:
        while True:
            try:
                return self._ask(path, body)
            except _TooFastError as wait:
                if not 0 < wait.seconds <= MOST_WAIT_S:
                    raise
                self._sleep(wait.seconds)

    def erasures(self) -> list[dict[str, Any]]:
        """Return the signed notices of erasure that await the member's receipt."""
        found: list[dict[str, Any]] = self._ask("/v1/erasures", None)["notices"]
        return found

    def answer_erasure(self, case: str, receipt: Mapping[str, Any]) -> None:
        """Hand a signed receipt in. Raises RefusedError, UnavailableError."""
        self._ask(f"/v1/erasures/{case}/receipt", json.dumps(receipt).encode())

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


_OTHER = "is the key file that of this member, and the gateway the right one?"


class _TooFastError(UnavailableError):
    """The gateway hands out no more keys for so many `seconds`."""

    def __init__(self, said: str, url: str, seconds: float) -> None:
        super().__init__(said, place=url, remedy="ask again later")
        self.seconds = seconds


def _refusal(failure: urllib.error.HTTPError, url: str) -> RefusedError | UnavailableError:
    with failure:
        try:
            said = str(json.load(failure)["error"])
        except (ValueError, KeyError, TypeError):
            said = f"HTTP {failure.code}"
    if failure.code == HTTPStatus.TOO_MANY_REQUESTS:
        after = failure.headers.get("retry-after", "")
        return _TooFastError(said, url, float(after) if after.isdigit() else 0.0)
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
        for start in range(0, len(missing), MOST_KEYS):
            part = missing[start : start + MOST_KEYS]
            now = time.monotonic()
            for handle, key in self._client.keys(self._agreement, part).items():
                self._held[handle] = (now, key)
        found = {handle: self._held[handle][1] for handle in handles if handle in self._held}
        while len(self._held) > self._limit:
            self._held.popitem(last=False)
        return found
