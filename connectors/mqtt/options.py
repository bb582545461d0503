"""The settings of an MQTT source, checked: an unknown or unfit one is an error, never a default."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from ...schemas.errors import ConfigurationError
from ...schemas.quarantine import MAX_ORIGINAL_BYTES
from ..options import fit, only_known

PROTOCOLS = ("5", "3.1.1")
RETAINED = ("ignore", "take")
PLAIN_PORT, TLS_PORT = 1883, 8883
_TEXTS = ("host", "address_env", "client_id", "username_env", "password_env", "ca_file", "cert_file", "key_file")
_FLAGS = ("tls",)
_ABOVE_ZERO = ("max_record_bytes", "queue_bytes", "connect_seconds")
_MOST: Mapping[str, int] = {"port": 65_535, "in_flight": 65_535, "keepalive_seconds": 65_535, "session_seconds": 2**32}

_FILTER = re.compile(r"(?:(?:\+|[^+#/\0]*)/)*(?:\+|#|[^+#/\0]*)")


@dataclass(frozen=True, slots=True)
class MqttOptions:
    """`topics` are templates, `subscribe` the filters to ask for; empty: those that the templates stand for.

    `address_env` names the variable that holds host:port, where documents cannot know it.
    `in_flight`: messages the broker may send ahead of our acknowledgements (MQTT 5: receive maximum) and the length of
    the queue. `queue_bytes`: reading pauses above it. `session_seconds`: how long the broker keeps what it holds for us
    while we are away (MQTT 5). `retained`: whether messages that the broker kept are taken.
    """

    host: str = ""
    port: int = 0
    address_env: str = ""
    topics: Sequence[str] = ()
    subscribe: Sequence[str] = ()
    protocol: str = "5"
    client_id: str = ""
    username_env: str = ""
    password_env: str = ""
    tls: bool = False
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    retained: str = "ignore"
    in_flight: int = 4_000
    queue_bytes: int = 64 << 20
    max_record_bytes: int = MAX_ORIGINAL_BYTES
    keepalive_seconds: int = 30
    session_seconds: int = 7 * 86_400
    connect_seconds: float = 10.0

    @classmethod
    def of(cls, options: Mapping[str, Any], place: str) -> "MqttOptions":
        """Return the settings of `options`, where `topic` stands for one template. Raises ConfigurationError."""
        only_known(options, [*(one.name for one in fields(cls)), "topic"], place, "an MQTT source")
        if ("topic" in options) == ("topics" in options):
            raise ConfigurationError(
                "an MQTT source needs `topic` or `topics`", place=place, remedy="topic: city/air/{station}/{sensor}"
            )
        said = dict(options)
        if "topic" in said:
            said["topics"] = [said.pop("topic")]
        return fit(cls(**said), place)

    @property
    def secure(self) -> bool:
        return self.tls or bool(self.ca_file or self.cert_file)

    @property
    def address(self) -> tuple[str, int]:
        return self.host, self.port or (TLS_PORT if self.secure else PLAIN_PORT)

    def at(self, address: str, place: str) -> "MqttOptions":
        """Return the settings with the address that a variable gave. Raises ConfigurationError."""
        host, _, port = address.rpartition(":")
        if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) <= _MOST["port"]:
            raise ConfigurationError(f"{self.address_env} holds no host:port", place=place, remedy="127.0.0.1:1883")
        return replace(self, host=host.strip("[]"), port=int(port), address_env="")

    def fault(self) -> str:
        """Return what is wrong, or nothing."""
        return self._wrong_text() or self._wrong_number() or self._wrong_list()

    def _wrong_text(self) -> str:
        for name in _TEXTS:
            if not isinstance(getattr(self, name), str):
                return f"{name} must be text"
        if bool(self.host) == bool(self.address_env):
            return "host must name the MQTT broker, or address_env the variable that holds its host:port"
        if self.protocol not in PROTOCOLS or self.retained not in RETAINED:
            return f"protocol is one of {', '.join(PROTOCOLS)} (as text), retained one of {', '.join(RETAINED)}"
        if any(not isinstance(getattr(self, name), bool) for name in _FLAGS):
            return "tls is true or false"
        if bool(self.username_env) < bool(self.password_env) or bool(self.cert_file) != bool(self.key_file):
            return "a password needs username_env, and a certificate its cert_file and key_file"
        return ""

    def _wrong_number(self) -> str:
        for name in _ABOVE_ZERO:
            number = getattr(self, name)
            if isinstance(number, bool) or not isinstance(number, int | float) or number <= 0:
                return f"{name} must be a number above zero"
        for name, most in _MOST.items():
            number = getattr(self, name)
            least = 0 if name in {"port", "session_seconds"} else 1
            if type(number) is not int or not least <= number <= most:
                return f"{name} must be a whole number up to {most}"
        return ""

    def _wrong_list(self) -> str:
        for name in ("topics", "subscribe"):
            found = getattr(self, name)
            if not isinstance(found, list | tuple) or not all(isinstance(one, str) and one for one in found):
                return f"{name} must be a list of texts"
        if any(not _FILTER.fullmatch(one) for one in self.subscribe):
            return "a filter of subscribe has `+` or `#` beside other text, or `#` before its end"
        return "" if self.topics else "topics must hold a template"
