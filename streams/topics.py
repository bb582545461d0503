"""Topics: what ours are called, how they are set up, and bringing them into being."""

from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # public, but re-exported without saying so
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
)
from confluent_kafka.cimpl import NewTopic

from ..schemas.errors import ConfigurationError, UnavailableError
from ..schemas.topic_names import (
    AUDIT,
    CONSENTS,
    CONTROL,
    DISCLOSURES,
    ERASURES,
    LANES,
    SCHEMAS,
    SLOTS,
    SOURCES,
    quarantine_topic,
)
from .clients import Complaint, ask_topics, make
from .settings import Cluster

__all__ = [
    "AUDIT",
    "COMPACTED",
    "CONSENTS",
    "CONTROL",
    "DISCLOSURES",
    "ERASURES",
    "FOR_EVER",
    "LANES",
    "SCHEMAS",
    "SLOTS",
    "SOURCES",
    "TopicSpec",
    "ensure",
    "own_topics",
    "provider_topic",
    "quarantine_topic",
    "view_topic",
]

FOR_EVER = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}
COMPACTED = {"cleanup.policy": "compact"}
PATIENCE_S = 20.0


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic as it must be."""

    name: str
    partitions: int
    config: Mapping[str, str] = field(default_factory=dict)


def own_topics() -> list[TopicSpec]:
    """Return the topics that every ecosystem has."""
    return [
        TopicSpec(CONTROL, 1, FOR_EVER),
        TopicSpec(CONSENTS, 1, COMPACTED),
        TopicSpec(SOURCES, 1, COMPACTED),
        TopicSpec(LANES, 1, COMPACTED),
        TopicSpec(SLOTS, 1, COMPACTED),
        TopicSpec(SCHEMAS, 1, COMPACTED),
        TopicSpec(AUDIT, 1, FOR_EVER),
        TopicSpec(DISCLOSURES, 1, FOR_EVER),
        TopicSpec(ERASURES, 1, FOR_EVER),
    ]


def provider_topic(name: str, partitions: int, retention_ms: int) -> TopicSpec:
    """Return a provider topic: append time is kept, since lag is measured from it."""
    return TopicSpec(name, partitions, {"retention.ms": str(retention_ms), "message.timestamp.type": "LogAppendTime"})


def view_topic(name: str, partitions: int, retention_ms: int) -> TopicSpec:
    """Return a view topic: append time, so that a record tells no more about its event's time than its release does."""
    return TopicSpec(name, partitions, {"retention.ms": str(retention_ms), "message.timestamp.type": "LogAppendTime"})


def ensure(cluster: Cluster, wanted: Iterable[TopicSpec]) -> list[str]:
    """Create those of `wanted` that are missing, bring the settings of the others up to date, return the names created.

    Raises ConfigurationError when a topic exists with another partition count (a record keeps its partition, so this
    cannot be worked around), UnavailableError when the cluster does not answer within PATIENCE_S, RefusedError when it
    does not let us in.
    """
    complaint = Complaint(cluster.bootstrap)
    admin = make(AdminClient, {**cluster.client(), "error_cb": complaint})
    there = ask_topics(admin, complaint, PATIENCE_S)
    missing, present = [], []
    for spec in wanted:
        found = there.get(spec.name)
        if found is None:
            missing.append(spec)
            continue
        present.append(spec)
        if len(found.partitions) != spec.partitions:
            raise ConfigurationError(
                f"the topic has {len(found.partitions)} partitions, the documents say {spec.partitions}",
                place=spec.name,
                remedy="a topic keeps its partition count for life: set it back, or publish a new major version",
            )
    _create(admin, cluster, missing)
    _align(admin, cluster, present)
    return [spec.name for spec in missing]


def _align(admin: AdminClient, cluster: Cluster, present: list[TopicSpec]) -> None:
    """Bring settings that differ from what is wanted up to date; others stay as an operator left them."""
    wanted = {spec.name: spec.config for spec in present if spec.config}
    resources = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in wanted]
    differing = []
    for resource, future in (admin.describe_configs(resources) if resources else {}).items():
        held = _result(future, cluster, resource.name, "described")
        for key, value in wanted[resource.name].items():
            if key not in held or held[key].value != value:
                entry = ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
                differing.append(ConfigResource(ConfigResource.Type.TOPIC, resource.name, incremental_configs=[entry]))
    for change in differing:
        for resource, future in admin.incremental_alter_configs([change]).items():
            _result(future, cluster, resource.name, "changed")


def _create(admin: AdminClient, cluster: Cluster, missing: list[TopicSpec]) -> None:
    if not missing:
        return
    new = [NewTopic(spec.name, spec.partitions, config=dict(spec.config)) for spec in missing]
    for name, future in admin.create_topics(new, operation_timeout=PATIENCE_S).items():
        _result(future, cluster, name, "created")


def _result(future: "Future[Any]", cluster: Cluster, name: str, what: str) -> Any:
    try:
        return future.result(PATIENCE_S)
    except (KafkaException, TimeoutError) as failure:
        said = failure.args[0].name() if isinstance(failure, KafkaException) else "no answer"
        if said == "TOPIC_ALREADY_EXISTS":
            return None
        raise UnavailableError(
            f"the topic could not be {what} ({said})",
            place=name,
            remedy=f"check the cluster at {cluster.bootstrap} and the principal's rights",
        ) from None
