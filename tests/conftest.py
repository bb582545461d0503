"""Fixtures for every test: the real broker, started once."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.ops.broker.embedded import EmbeddedBroker
from penstock.ops.broker.jars import ensure_jars
from penstock.ops.broker.java import find_java
from penstock.schemas.errors import PenstockError


@pytest.fixture(scope="session")
def kafka_installed() -> None:
    """Java and Kafka's jars are here; else the test is skipped, or fails under PENSTOCK_REQUIRE_ALL=1."""
    try:
        find_java()
        ensure_jars()
    except PenstockError as error:
        if os.environ.get("PENSTOCK_REQUIRE_ALL") == "1":
            raise
        pytest.skip(f"the embedded Kafka cannot be had on this machine: {error}")


@pytest.fixture(scope="session")
def kafka(
    kafka_installed: None,  # noqa: ARG001 - asked for its effect
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[EmbeddedBroker]:
    """A running Kafka for the whole session: `.bootstrap`, `.log_dirs` (raw segments), `.log` (what it logs)."""
    with EmbeddedBroker(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@pytest.fixture
def broker_root(kafka_installed: None, tmp_path: Path) -> Path:  # noqa: ARG001 - as above
    """An empty directory for a broker of the test's own."""
    return tmp_path / "broker"
