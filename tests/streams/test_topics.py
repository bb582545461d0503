"""Topics come from the documents: made once, never with another partition count."""

import time
import uuid

import pytest
from confluent_kafka.admin import AdminClient, ConfigResource

from penstock.schemas.errors import ConfigurationError, UnavailableError
from penstock.streams import topics as module
from penstock.streams.settings import Cluster
from penstock.streams.topics import COMPACTED, FOR_EVER, TopicSpec, ensure, own_topics, provider_topic, view_topic


@pytest.fixture
def name():
    return f"t-{uuid.uuid4().hex}"


def settings(cluster, name):
    resource = ConfigResource(ConfigResource.Type.TOPIC, name)
    admin = AdminClient(cluster.client())
    (future,) = admin.describe_configs([resource]).values()
    return {key: entry.value for key, entry in future.result(10).items()}


def test_missing_topics_are_made_as_they_must_be_and_only_once(cluster, name):
    wanted = [
        provider_topic(f"{name}-provider", 3, 86_400_000),
        view_topic(f"{name}-view", 3, 3_600_000),
        TopicSpec(f"{name}-log", 1, FOR_EVER),
        TopicSpec(f"{name}-last", 1, COMPACTED),
    ]
    assert ensure(cluster, wanted[:2]) == [one.name for one in wanted[:2]]
    assert ensure(cluster, wanted) == [one.name for one in wanted[2:]]
    assert ensure(cluster, wanted) == []
    there = AdminClient(cluster.client()).list_topics(timeout=10).topics
    for spec in wanted:
        assert len(there[spec.name].partitions) == spec.partitions
        assert settings(cluster, spec.name).items() >= spec.config.items()


def test_our_own_topics_keep_what_must_be_kept(cluster):
    ensure(cluster, own_topics())
    for spec in own_topics():
        held = settings(cluster, spec.name)
        assert held["cleanup.policy"] == "compact" or (held["retention.ms"], held["retention.bytes"]) == ("-1", "-1")


def test_another_partition_count_is_refused_and_nothing_is_made(cluster, name):
    ensure(cluster, [TopicSpec(name, 3)])
    with pytest.raises(ConfigurationError, match=name) as raised:
        ensure(cluster, [TopicSpec(f"{name}-new", 1), TopicSpec(name, 4)])
    assert "new major version" in raised.value.remedy
    assert "3 partitions, the documents say 4" in raised.value.message
    assert f"{name}-new" not in AdminClient(cluster.client()).list_topics(timeout=10).topics


def test_a_name_that_kafka_does_not_take_is_named(cluster):
    with pytest.raises(UnavailableError, match=r"not a name.*TOPIC_EXCEPTION"):
        ensure(cluster, [TopicSpec("not a name", 1)])


def test_a_cluster_that_is_not_there_is_said_not_to_answer_in_time(monkeypatch):
    monkeypatch.setattr(module, "PATIENCE_S", 0.5)
    started = time.monotonic()
    with pytest.raises(UnavailableError, match=r"127\.0\.0\.1:1"):
        ensure(Cluster("127.0.0.1:1"), [TopicSpec("t", 1)])
    assert time.monotonic() - started < 3
