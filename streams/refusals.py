"""Records that Kafka did not take, by topic, and connections that broke: what the client says beside its answers."""

import math
import re
import time
from typing import Any, Final

from confluent_kafka import KafkaError

from .clients import ClientLog

OF_SIZE: Final = frozenset({"MSG_SIZE_TOO_LARGE", "RECORD_LIST_TOO_LARGE", "INVALID_RECORD"})
OF_TOPIC: Final = OF_SIZE | {
    "TOPIC_AUTHORIZATION_FAILED",
    "UNKNOWN_TOPIC_OR_PART",
    "UNKNOWN_TOPIC_ID",
    "_UNKNOWN_TOPIC",
    "_UNKNOWN_PARTITION",
    "TOPIC_EXCEPTION",
    "POLICY_VIOLATION",
    "INVALID_CONFIG",
}
"""Errors that lie in the topic: others may go on. Time-outs and the broker's own troubles are none of them."""

_PURGED = {"_PURGE_QUEUE", "_PURGE_INFLIGHT", "_INVALID_DIFFERENT_RECORD"}
"""What the client says of records that it dropped because of others."""

_NOT_ADDED = re.compile(r'Failed to add partition "([^"]+)" \[-?\d+\] to transaction: (.+)')
_ADDING_FAILED = {
    KafkaError(code).str(): KafkaError(code).name()
    for code in (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.TOPIC_EXCEPTION)
}


class Refusals:
    """What was not taken in one transaction. `delivered` is for a producer that reports failures only."""

    def __init__(self) -> None:
        self.topics: dict[str, str] = {}
        self.any = False

    def clear(self) -> None:
        self.topics.clear()
        self.any = False

    def delivered(self, error: KafkaError | None, message: Any) -> None:
        """Be told by the client that a record was not taken."""
        if error is None:
            return
        self.any = True
        if error.name() not in _PURGED:
            self.topics.setdefault(message.topic(), error.name())

    def heard(self, line: str) -> None:
        """Be told a line of the client's log: where a topic cannot join the transaction, all records are purged."""
        found = _NOT_ADDED.search(line)
        if found and (name := _ADDING_FAILED.get(found[2].strip())):
            self.topics.setdefault(found[1], name)


class Witness(ClientLog):
    """Hears of broken connections that the client mended by itself: its log alone tells of them."""

    def __init__(self, refusals: Refusals) -> None:
        self.broke_at = -math.inf
        self._refusals = refusals

    def log(self, level: int, form: str, *words: str) -> None:
        super().log(level, form, *words)
        # A connection that broke before it was UP carried nothing of a transaction.
        if words[0] == "FAIL" and ("in state" not in words[-1] or "in state UP" in words[-1]):
            self.broke_at = time.monotonic()
        elif words[0] == "ADDPARTS":
            self._refusals.heard(words[-1])
