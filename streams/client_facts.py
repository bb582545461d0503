"""Facts about the Kafka client and the cluster, for whoever has to judge them."""

from collections.abc import Mapping
from dataclasses import dataclass

from confluent_kafka import KafkaException, libversion
from confluent_kafka.admin import AdminClient, ConfigResource  # type: ignore[attr-defined]  # public, re-exported

from ..schemas.errors import UnavailableError
from .clients import Complaint, ask_topics, make
from .settings import Cluster

PATIENCE_S = 5.0


def client_version() -> str:
    """Return the release of the C client that is loaded."""
    return str(libversion()[0])


@dataclass(frozen=True, slots=True)
class TopicFacts:
    """A topic as it is: partitions, the smallest number of replicas and of replicas in step, partitions in trouble."""

    partitions: int
    replicas: int
    in_step: int
    leaderless: int


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """A cluster as it is. `settings` are the broker's own that Penstock cares about."""

    brokers: int
    topics: Mapping[str, TopicFacts]
    settings: Mapping[str, str]


_SETTINGS = ("auto.create.topics.enable", "default.replication.factor", "min.insync.replicas")


def cluster_facts(cluster: Cluster) -> ClusterFacts:
    """Ask the cluster. Raises UnavailableError when it does not answer, RefusedError when it does not let us in.

    `settings` is empty where this principal may not see them.
    """
    complaint = Complaint(cluster.bootstrap)
    admin = make(AdminClient, {**cluster.client(), "error_cb": complaint})
    topics = ask_topics(admin, complaint, PATIENCE_S)
    try:
        brokers = admin.list_topics(timeout=PATIENCE_S).brokers
    except KafkaException:
        raise UnavailableError("Kafka does not answer", place=cluster.bootstrap) from None
    found = {
        name: TopicFacts(
            partitions=len(one.partitions),
            replicas=min((len(part.replicas) for part in one.partitions.values()), default=0),
            in_step=min((len(part.isrs) for part in one.partitions.values()), default=0),
            leaderless=sum(part.leader < 0 for part in one.partitions.values()),
        )
        for name, one in topics.items()
    }
    return ClusterFacts(len(brokers), found, _settings(admin, next(iter(brokers), None)))


def _settings(admin: AdminClient, broker: int | None) -> Mapping[str, str]:
    if broker is None:
        return {}
    resource = ConfigResource(ConfigResource.Type.BROKER, str(broker))
    try:
        held = next(iter(admin.describe_configs([resource]).values())).result(PATIENCE_S)
    except (KafkaException, TimeoutError):
        return {}
    return {name: held[name].value for name in _SETTINGS if name in held}
