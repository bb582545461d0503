"""Broker and gateway of an ecosystem of this folder's own, whose members' private keys are here."""

import contextlib
from collections.abc import Iterator

import pytest
from access_world import AccessWorld
from erasure_world import ErasureWorld
from law7_world import Law7World


@pytest.fixture(scope="session")
def world(kafka_installed: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ErasureWorld]:
    folder = tmp_path_factory.mktemp("erasure")
    with AccessWorld.running(folder / "eco") as access, contextlib.closing(Law7World(access, folder)) as lane:
        yield ErasureWorld(lane, folder)
