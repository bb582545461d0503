"""A broker, and lines on it."""

import pytest
from lane_line import Line

from penstock.ops.broker.embedded import EmbeddedBroker
from penstock.streams.settings import Cluster
from penstock.streams.topics import ensure, own_topics


@pytest.fixture(scope="module")
def kms_cluster(kafka_installed, tmp_path_factory):
    with EmbeddedBroker(tmp_path_factory.mktemp("kms")) as broker:
        cluster = Cluster(broker.bootstrap)
        ensure(cluster, own_topics())
        yield cluster


@pytest.fixture
def line_of(kms_cluster):
    """`line_of(count=2)`: a line whose topics are there and whose agreements are in force."""
    made = []

    def make(**said):
        made.append(Line(kms_cluster, **said))
        return made[-1].open()

    yield make
    for one in made:
        one.stop()
