"""One running ecosystem for every clause of this folder."""

from collections.abc import Iterator

import pytest
from claims_plant import Plant, claims_plant

from penstock.ops.broker.embedded import EmbeddedBroker


@pytest.fixture(scope="module")
def plant(kafka: EmbeddedBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    """The claims ecosystem at work; its first good event has arrived everywhere."""
    with claims_plant(tmp_path_factory.mktemp("claims"), kafka.bootstrap) as made:
        made.goes_on()
        yield made
