"""Client settings: one place that says how Penstock speaks to Kafka, and why."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..schemas.access import SESSIONLESS_GROUP
from ..schemas.limits import MAX_RECORD_BYTES
from ..schemas.principals import member_principal

FRAME_BYTES = 16_384
"""Room for a record's headers and frame, which the client counts too; brokers take 1,048,588 bytes by default."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A Kafka cluster: where it listens, and the client's security options (librdkafka names)."""

    bootstrap: str
    security: Mapping[str, str] = field(default_factory=dict)

    def client(self) -> dict[str, Any]:
        """Return what every client of ours starts from."""
        return {
            "bootstrap.servers": self.bootstrap,
            # Nagle's algorithm holds small requests back: with it a 12-partition flush takes four times as long.
            "socket.nagle.disable": True,
            "log_level": 3,
            # A topic that is not there is said to be missing after three seconds, not thirty.
            "topic.metadata.propagation.max.ms": 3_000,
            "reconnect.backoff.max.ms": 2_000,
            **self.security,
        }

    def producer(self) -> dict[str, Any]:
        """Return settings of a producer that neither loses, repeats nor reorders what it was given."""
        return {
            **self.client(),
            "enable.idempotence": True,
            "acks": "all",
            "linger.ms": 5,
            "compression.type": "lz4",
            "message.max.bytes": MAX_RECORD_BYTES + FRAME_BYTES,
            "queue.buffering.max.messages": 200_000,
        }

    def transactional(self, transactional_id: str) -> dict[str, Any]:
        """Return settings of a producer for transactions; the id must be unique among live processes."""
        return {
            **self.producer(),
            "transactional.id": transactional_id,
            # The transaction runner listens for connections that broke; the client tells of them in its log alone.
            "log_level": 6,
            # A killed worker holds its partitions' readers back for at most this long.
            "transaction.timeout.ms": 15_000,
            # One topic that is gone is not to hold the others back: it is missing after half a second.
            "topic.metadata.propagation.max.ms": 500,
        }

    def reader(self) -> dict[str, Any]:
        """Return settings of a consumer that keeps its own place: committed records only, no group commits."""
        return {
            **self.client(),
            "group.id": self._unused_group(),
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "isolation.level": "read_committed",
            "auto.offset.reset": "error",
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 100,
        }

    def _unused_group(self) -> str:
        """Return the group that readers name and never join: the client looks it up, so one must have a right to it."""
        user = self.security.get("sasl.username", "")
        member = user.removeprefix(member_principal(""))
        return f"{member}.unused" if member != user else SESSIONLESS_GROUP

    def member(self, group: str, instance: str) -> dict[str, Any]:
        """Return settings of a static member of a consumer group.

        Static ids make the broker refuse offsets from a worker that was replaced, and let a restarted one
        take its partitions back at once.
        """
        return {
            **self.client(),
            "group.id": group,
            "group.instance.id": instance,
            "partition.assignment.strategy": "cooperative-sticky",
            # Longer than a broker takes to come back: else the member gives itself up meanwhile. A process that is
            # killed does not wait for it, since its successor takes the place over at once.
            "session.timeout.ms": 20_000,
            "heartbeat.interval.ms": 2_000,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 50,
            "queued.min.messages": 20_000,
        }
