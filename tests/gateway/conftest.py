"""The gateway that the tests ask."""

import pytest
from gateway_world import World


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("gateway"))
    yield made
    made.engine.dispose()
