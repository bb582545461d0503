"""An ecosystem's Kafka and gateway as they run, with everything in force and a credential for each member."""

from collections.abc import Iterator

import pytest
from access_world import AccessWorld


@pytest.fixture(scope="session")
def world(kafka_installed: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AccessWorld]:
    """Shared by this folder: a test that changes what is in force changes it back."""
    with AccessWorld.running(tmp_path_factory.mktemp("access") / "eco") as made:
        yield made
