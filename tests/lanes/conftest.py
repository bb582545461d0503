"""A broker that can deny a topic, and lines on it."""

import pytest
from lane_line import Line

from penstock.ops.broker.embedded import EmbeddedBroker
from penstock.streams.settings import Cluster
from penstock.streams.topics import ensure, own_topics

GUARDED = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "allow.everyone.if.no.acl.found": "true",
}


@pytest.fixture(scope="session")
def lane_cluster(kafka_installed, tmp_path_factory):
    """Everybody may do everything but what a test denies."""
    with EmbeddedBroker(tmp_path_factory.mktemp("lanes"), extra=GUARDED) as broker:
        cluster = Cluster(broker.bootstrap)
        ensure(cluster, own_topics())
        yield cluster


@pytest.fixture
def line_of(lane_cluster):
    """`line_of(count=3)`: a line whose topics are there and whose agreements are in force."""
    made = []

    def make(**said):
        made.append(Line(lane_cluster, **said))
        return made[-1].open()

    yield make
    for one in made:
        one.stop()
