"""Topics follow the documents: created, their settings kept up to date, a new one where an amendment breaks readers."""

from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, ConfigResource

from penstock.ops.documents.load import load
from penstock.ops.topic_plan import next_view_topic, topic_specs, view_topics
from penstock.schemas.errors import ConfigurationError, UnavailableError
from penstock.schemas.generation import AgreementInForce
from penstock.schemas.view_label import view_schema_of
from penstock.streams.settings import Cluster
from penstock.streams.topics import ensure, provider_topic

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "cross-border-tax"


@pytest.fixture
def cluster(kafka) -> Cluster:
    return Cluster(kafka.bootstrap)


def setting(cluster: Cluster, topic: str, key: str) -> str:
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
    admin = AdminClient(cluster.client())  # held until the answer is here
    return admin.describe_configs([resource])[resource].result(20)[key].value


def test_missing_topics_are_created_once(cluster: Cluster) -> None:
    wanted = [provider_topic("apply.created.v1", 2, 1000)]
    assert ensure(cluster, wanted) == ["apply.created.v1"]
    assert ensure(cluster, wanted) == []
    assert setting(cluster, "apply.created.v1", "message.timestamp.type") == "LogAppendTime"


def test_a_changed_retention_is_brought_to_the_topic(cluster: Cluster) -> None:
    ensure(cluster, [provider_topic("apply.kept.v1", 1, 1000)])
    ensure(cluster, [provider_topic("apply.kept.v1", 1, 86_400_000)])
    assert setting(cluster, "apply.kept.v1", "retention.ms") == "86400000"


def test_another_partition_count_is_refused(cluster: Cluster) -> None:
    ensure(cluster, [provider_topic("apply.split.v1", 2, 1000)])
    with pytest.raises(ConfigurationError, match=r"has 2 partitions, the documents say 3.*new major version"):
        ensure(cluster, [provider_topic("apply.split.v1", 3, 1000)])


def test_a_cluster_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.streams.topics.PATIENCE_S", 1.0)
    with pytest.raises(UnavailableError, match=r"127\.0\.0\.1:1: Kafka does not answer"):
        ensure(Cluster("127.0.0.1:1"), [provider_topic("never", 1, 1000)])


def test_the_documents_topics_are_all_planned() -> None:
    documents = load(EXAMPLE)
    views = {key: view_schema_of(documents.contracts[one.dataset], one) for key, one in documents.agreements.items()}
    names = [spec.name for spec in topic_specs(documents, view_topics(documents, views, None))]
    assert len(names) == len(set(names)) == 2 * len(documents.contracts) + len(documents.agreements)
    assert {"ee-tax.income-payments.v1", "quarantine.income-payments", "view.ee-fi-income"} <= set(names)


VIEW = {"type": "record", "name": "R", "fields": [{"name": "a", "type": "string"}, {"name": "b", "type": "int"}]}
NARROWER = {**VIEW, "fields": VIEW["fields"][:1]}
WIDER = {**VIEW, "fields": [*VIEW["fields"], {"name": "c", "type": "string"}]}
OTHER = {**VIEW, "fields": [{"name": "a", "type": "bytes"}, {"name": "b", "type": "string"}]}


def in_force(view: dict, topic: str) -> AgreementInForce:
    agreement = load(EXAMPLE).agreements["ee-fi-income"]
    return AgreementInForce(agreement, "", "in_force", True, topic, 1, view)


@pytest.mark.parametrize(
    ("before", "view", "topic"),
    [
        (VIEW, VIEW, "view.ee-fi-income"),
        (VIEW, NARROWER, "view.ee-fi-income"),
        (VIEW, WIDER, "view.ee-fi-income.v2"),
        (VIEW, OTHER, "view.ee-fi-income.v2"),
    ],
    ids=["the same", "a field less", "a field more, without default", "other types"],
)
def test_an_amendment_that_breaks_readers_opens_a_topic(before: dict, view: dict, topic: str) -> None:
    held = in_force(before, "view.ee-fi-income")
    assert next_view_topic(held.agreement, view, held) == topic


def test_topics_are_counted_on() -> None:
    held = in_force(VIEW, "view.ee-fi-income.v2")
    assert next_view_topic(held.agreement, WIDER, held) == "view.ee-fi-income.v3"
    assert next_view_topic(held.agreement, VIEW, held) == "view.ee-fi-income.v2"
    assert next_view_topic(held.agreement, VIEW, None) == "view.ee-fi-income"
