"""Making Kafka clients, and hearing what no waiting mends: wrong credentials, untrusted certificates."""

import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from ..schemas.errors import ConfigurationError, RefusedError, UnavailableError

ASK_S = 0.5
PAUSE_S = 0.1
REACH_S = 5.0
NO_TOPIC = {
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001 - the client's own constant
    KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001 - the client's own constant
}
"""What Kafka or the client says of a topic or partition that is not there."""

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


def reach(producer: Producer, patience_s: float = REACH_S) -> None:
    """Connect a producer, if Kafka answers: one that knows no broker yet looks again half a second later."""
    with contextlib.suppress(KafkaException):
        producer.list_topics(timeout=patience_s)


class Complaint:
    """A client's `error_cb`. Connections that fail are tried again by the client; these would fail for ever."""

    def __init__(self, place: str) -> None:
        self.place = place
        self._refused = False
        self._untrusted = False

    def __call__(self, error: KafkaError) -> None:
        self._refused |= error.code() == KafkaError._AUTHENTICATION  # noqa: SLF001 - the client's own constant
        # Of a broker that wants a certificate of us, or speaks no TLS, only the text says that it was not the line.
        hung_up = any(words in error.str() for words in ("SSL alert", "SSL handshake failed"))
        self._untrusted |= hung_up or error.code() == KafkaError._SSL  # noqa: SLF001 - as above

    def check(self) -> None:
        """Raise RefusedError once Kafka refused us, or we Kafka."""
        if self._refused:
            raise RefusedError(
                "Kafka refused the user or the password",
                place=self.place,
                remedy="check the variables that `security` in ecosystem.yaml names, and the mechanism",
            )
        if self._untrusted:
            raise RefusedError(
                "no trusted TLS connection to Kafka can be made",
                place=self.place,
                remedy="check the certificates that `security` in ecosystem.yaml names, and that the port speaks TLS",
            )


def ask_topics(
    client: Consumer | AdminClient, complaint: Complaint, patience_s: float, topic: str | None = None
) -> Mapping[str, Any]:
    """Return what Kafka knows of its topics, or of one, by name.

    Raises RefusedError when it does not let us in, UnavailableError when it does not answer within `patience_s`.
    """
    deadline = time.monotonic() + patience_s
    wait_s = min(ASK_S, patience_s)
    while True:
        try:
            found: Mapping[str, Any] = client.list_topics(topic, timeout=wait_s).topics
        except KafkaException:
            client.poll(0)  # serves complaints
            complaint.check()
        else:
            return found
        if time.monotonic() > deadline:
            raise UnavailableError(
                "Kafka does not answer",
                place=complaint.place,
                remedy="start it (penstock broker start DIR), or check what ecosystem.yaml says of the cluster",
            )
        time.sleep(PAUSE_S)
        wait_s = min(2 * wait_s, patience_s)
