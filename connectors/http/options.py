"""The settings of an HTTP source, checked: an unknown or unfit one is an error, never a default."""

import ipaddress
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from ...schemas.ports import Listen
from ..options import fit, only_known

_FILES = ("certificate_file", "key_file", "client_ca_file")
_MOST_PORT = 65_535


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """Where it listens (paths below the ecosystem's directory), and what it takes.

    `rate_per_second` counts records, not requests; 0: no limit. `queue_records` and `queue_bytes` (of bodies) bound
    what is taken in and not yet committed. `body_seconds`: a body must be whole by then. `answer_seconds`: a request
    whose commit takes longer is answered 503, and its sender asks again with the same key.
    """

    host: str = "127.0.0.1"
    port: int = 0
    certificate_file: str | None = None
    key_file: str | None = None
    client_ca_file: str | None = None
    max_body_bytes: int = 1 << 20
    max_records: int = 10_000
    max_depth: int = 64
    rate_per_second: float = 0.0
    queue_records: int = 20_000
    queue_bytes: int = 16 << 20
    body_seconds: float = 10.0
    answer_seconds: float = 30.0
    max_connections: int = 2_000

    @classmethod
    def of(cls, options: Mapping[str, Any], place: str) -> "HttpOptions":
        """Return the settings of `options`. Raises ConfigurationError."""
        only_known(options, (field.name for field in fields(cls)), place, "an HTTP source")
        return fit(cls(**options), place)

    def fault(self) -> str:
        """Return what is wrong, or nothing."""
        for name, value in asdict(self).items():
            if fault := _unfit(name, value):
                return fault
        if (self.certificate_file is None) != (self.key_file is None):
            return "certificate_file and key_file go together"
        if self.client_ca_file is not None and self.certificate_file is None:
            return "client_ca_file needs certificate_file and key_file: without TLS there are no client certificates"
        if self.certificate_file is None and not _is_loopback(self.host):
            return "host is not this machine alone, so certificate_file and key_file are needed: tokens are secrets"
        if self.max_records > self.queue_records or self.max_body_bytes > self.queue_bytes:
            return "a request of max_records and max_body_bytes must fit into queue_records and queue_bytes"
        return ""

    def listen(self, root: Path) -> Listen:
        files = {name: str(root / found) for name in _FILES if (found := getattr(self, name)) is not None}
        return Listen(self.host, self.port, **files, max_connections=self.max_connections)


def _unfit(name: str, value: Any) -> str:
    if name in _FILES:
        return "" if value is None or (isinstance(value, str) and value) else f"{name} must be the path of a file"
    if name == "host":
        return "" if isinstance(value, str) and value else "host must be a name or an address"
    whole = isinstance(value, int) and not isinstance(value, bool)
    if name == "port":
        return "" if whole and 0 <= value <= _MOST_PORT else "port must be a number from 0 (a free one) to 65535"
    if name == "rate_per_second":
        return "" if (whole or isinstance(value, float)) and value >= 0 else f"{name} must be a number, 0 or above"
    if name.endswith("_seconds"):
        return "" if (whole or isinstance(value, float)) and value > 0 else f"{name} must be a number above zero"
    return "" if whole and value > 0 else f"{name} must be a whole number above zero"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
