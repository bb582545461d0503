"""A Kafka of this folder's own, with a dataset that HTTP sources feed."""

from collections.abc import Iterator

import pytest
from http_role import Role, RoleStand

from penstock.ops.broker.embedded import EmbeddedBroker


@pytest.fixture(scope="session")
def stand(kafka_installed: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RoleStand]:
    """Roles are started by `stand.role(source, …)`; a test sends events with ids of its own."""
    with EmbeddedBroker(tmp_path_factory.mktemp("http-kafka")) as broker:
        yield RoleStand(tmp_path_factory.mktemp("http-eco"), broker)


@pytest.fixture(scope="session")
def role(stand: RoleStand) -> Iterator[Role]:
    """A role that no test stops."""
    with stand.role("gate", body_seconds=3, max_connections=1500) as running:
        yield running
