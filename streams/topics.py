"""Topics: what ours are called, how they are set up, and bringing them into being."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from ..schemas.errors import ConfigurationError, UnavailableError
from .settings import Cluster

CONTROL = "penstock.control"
CONSENTS = "penstock.consents"
SOURCES = "penstock.sources"
AUDIT = "penstock.audit"
DISCLOSURES = "penstock.disclosures"
SCHEMAS = "_schemas"

FOR_EVER = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}
COMPACTED = {"cleanup.policy": "compact"}
PATIENCE_S = 20.0


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic as it must be."""

    name: str
    partitions: int
    config: Mapping[str, str] = field(default_factory=dict)


def quarantine_topic(dataset: str) -> str:
    return f"quarantine.{dataset}"


def own_topics() -> list[TopicSpec]:
    """Return the topics that every ecosystem has."""
    return [
        TopicSpec(CONTROL, 1, FOR_EVER),
        TopicSpec(CONSENTS, 1, COMPACTED),
        TopicSpec(SOURCES, 1, COMPACTED),
        TopicSpec(SCHEMAS, 1, COMPACTED),
        TopicSpec(AUDIT, 1, FOR_EVER),
        TopicSpec(DISCLOSURES, 1, FOR_EVER),
    ]


def provider_topic(name: str, partitions: int, retention_ms: int) -> TopicSpec:
    """Return a provider topic: append time is kept, since lag is measured from it."""
    return TopicSpec(name, partitions, {"retention.ms": str(retention_ms), "message.timestamp.type": "LogAppendTime"})


def view_topic(name: str, partitions: int, retention_ms: int) -> TopicSpec:
    """Return a view topic: append time, so that a record tells no more about its event's time than its release does."""
    return TopicSpec(name, partitions, {"retention.ms": str(retention_ms), "message.timestamp.type": "LogAppendTime"})


def ensure(cluster: Cluster, wanted: Iterable[TopicSpec]) -> list[str]:
    """Create those of `wanted` that are missing and return their names.

    Raises ConfigurationError when a topic exists with another partition count (a record keeps its partition, so this
    cannot be worked around), UnavailableError when the cluster does not answer.
    """
    admin = AdminClient(cluster.client())
    try:
        there = admin.list_topics(timeout=PATIENCE_S).topics
    except KafkaException:
        raise UnavailableError(
            "Kafka does not answer", place=cluster.bootstrap, remedy="start it: penstock broker start DIR"
        ) from None
    missing = []
    for spec in wanted:
        found = there.get(spec.name)
        if found is None:
            missing.append(spec)
        elif len(found.partitions) != spec.partitions:
            raise ConfigurationError(
                f"the topic has {len(found.partitions)} partitions, the documents say {spec.partitions}",
                place=spec.name,
                remedy="a topic keeps its partition count for life: set it back, or publish a new major version",
            )
    _create(admin, cluster, missing)
    return [spec.name for spec in missing]


def _create(admin: AdminClient, cluster: Cluster, missing: list[TopicSpec]) -> None:
    if not missing:
        return
    new = [NewTopic(spec.name, spec.partitions, config=dict(spec.config)) for spec in missing]
    for name, future in admin.create_topics(new, operation_timeout=PATIENCE_S).items():
        try:
            future.result()
        except KafkaException as failure:
            error: KafkaError = failure.args[0]
            if error.code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise UnavailableError(
                    f"the topic could not be created ({error.name()})",
                    place=name,
                    remedy=f"check the cluster at {cluster.bootstrap} and the principal's rights",
                ) from None
