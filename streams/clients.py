"""Making Kafka clients, and hearing what no waiting mends: wrong credentials, untrusted certificates."""

import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from confluent_kafka import KafkaError, KafkaException

from ..schemas.errors import ConfigurationError, RefusedError

Client = TypeVar("Client")
log = logging.getLogger(__name__)


class ClientLog:
    """Takes a client's log, which else goes to standard error, a line for each attempt to reach a broker that is down.

    Roles keep it in theirs; on the command line our own errors say it once.
    """

    def log(self, _level: int, form: str, *words: str) -> None:
        """Be told a line; `words` are its facility, the client and the text."""
        log.info(form, *words)


def make(kind: Callable[..., Client], settings: Mapping[str, Any], listener: ClientLog | None = None) -> Client:
    """Return a client. Raises ConfigurationError when it does not take its settings, such as a key it cannot open."""
    try:
        return kind(dict(settings), logger=listener or ClientLog())
    except KafkaException as failure:
        error: KafkaError = failure.args[0]
        raise ConfigurationError(
            f"the Kafka client does not take its settings: {error.str()}",
            place=str(settings["bootstrap.servers"]),
            remedy="check `security` in ecosystem.yaml, and the files and variables that it names",
        ) from None


class Complaint:
    """A client's `error_cb`. Connections that fail are tried again by the client; these would fail for ever."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._heard = 0

    def __call__(self, error: KafkaError) -> None:
        if error.code() in {KafkaError._AUTHENTICATION, KafkaError._SSL}:  # noqa: SLF001 - the client's own constants
            self._heard = error.code()

    def check(self) -> None:
        """Raise RefusedError once Kafka refused us, or we Kafka."""
        if self._heard == KafkaError._AUTHENTICATION:  # noqa: SLF001 - the client's own constant
            raise RefusedError(
                "Kafka refused the user or the password",
                place=self._place,
                remedy="check the variables that `security` in ecosystem.yaml names, and the mechanism",
            )
        if self._heard:
            raise RefusedError(
                "no trusted TLS connection to Kafka can be made",
                place=self._place,
                remedy="check the certificates that `security` in ecosystem.yaml names, and that the port speaks TLS",
            )
