"""A recipient's side of erasure: its notices, believed only when signed, and its receipts."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..processors.erasure_notice import receipt, signed, verified
from ..processors.signing import public_text
from ..schemas.canonical import digest
from ..schemas.errors import RefusedError
from .clock import now_ms
from .documents.load import load
from .documents.sign import private_key, require_charters
from .key_client import GatewayClient


class Recipient:
    """Speaks for `member` with the charter in `directory`; `gateway` (a URL) may be left to the ecosystem there."""

    def __init__(self, directory: Path, member: str, gateway: str) -> None:
        self._member = member
        self._charter = load(directory).charter
        self._client = _client(directory, member, gateway)

    def notices(self) -> list[Mapping[str, Any]]:
        """Return what is to be erased. Raises RefusedError for a notice whose signature does not hold."""
        return [verified("notice", one, self._charter) for one in self._client.erasures()]

    def answer(self, case: str, key_file: Path, kept: str) -> Mapping[str, Any]:
        """Declare that what the notice names is erased, or with a ground why it is `kept`; return what was signed.

        Raises RefusedError where there is no such notice or the key is not the charter's.
        """
        key = private_key(key_file)
        require_charters(self._charter, self._member, public_text(key), key_file)
        found = next((one for one in self.notices() if one["case"] == case), None)
        if found is None:
            raise RefusedError("no notice of this case awaits your receipt", place=case)
        outcome = "kept" if kept else "erased"
        said = receipt(
            case=case, recipient=self._member, answers=digest(found), outcome=outcome, ground=kept, at_ms=now_ms()
        )
        self._client.answer_erasure(case, signed("receipt", said, self._member, key))
        return said


def _client(directory: Path, member: str, gateway: str) -> GatewayClient:
    token = os.environ.get("PENSTOCK_TOKEN", "")
    if gateway and token:
        return GatewayClient(gateway, token, ca_file=os.environ.get("PENSTOCK_CA_FILE") or None)
    from .wiring import Wiring

    wiring = Wiring(directory)
    return GatewayClient(gateway or wiring.gateway_url(), wiring.token_of(member), ca_file=wiring.gateway_ca())
