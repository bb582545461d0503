"""MQTT sources over a real broker: sensors that publish, places to make sources from, and one way to read them."""

import contextlib
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from generations import SCHEMA
from mosquitto import Mosquitto
from mqtt_hands import Listening, Reader, Sensors
from view_world import contract_of

from penstock.connectors.mqtt.source import mqtt_source
from penstock.schemas.errors import ConfigurationError
from penstock.schemas.source_place import SourcePlace


@pytest.fixture(scope="session")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    """A broker for every test that does not stop it; topics and client ids are the test's own."""
    with Mosquitto(tmp_path_factory.mktemp("mosquitto")) as broker:
        yield broker


@pytest.fixture
def sensors_of() -> Iterator[Callable[..., Sensors]]:
    """`sensors_of(port)`: sensors that leave when the test is over."""
    made: list[Sensors] = []

    def make(port: int, **login: str) -> Sensors:
        made.append(Sensors(port, **login))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def client_id() -> str:
    return f"penstock-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def place_of(tmp_path: Path, client_id: str) -> Callable[..., SourcePlace]:
    """`place_of(port, secrets={}, contract=…, **options)`: a place whose topics are `city/air/{person}`."""

    def secret(secrets: dict[str, str], name: str) -> str:
        if name not in secrets:
            raise ConfigurationError(f"the environment has no {name}")
        return secrets[name]

    def make(port: int, secrets: dict[str, str] | None = None, contract: Any = None, **options: Any) -> SourcePlace:
        said = {"host": "127.0.0.1", "port": port, "client_id": client_id, "connect_seconds": 20, **options}
        if "topics" not in said:
            said.setdefault("topic", "city/air/{person}")
        nobody: Any = None
        return SourcePlace(
            id="air",
            root=tmp_path,
            path=None,
            format="json",
            options=said,
            contract=contract or contract_of(SCHEMA, id="air"),
            secret=lambda name: secret(secrets or {}, name),
            doors=nobody,
            receipts=nobody,
            clock=lambda: 0,
            edge=Listening(),
        )

    return make


@pytest.fixture
def open_source(place_of: Callable[..., SourcePlace]) -> Callable[..., Reader]:
    """`open_source(port, position=None, commit=…, **options)`: a source that is connected and subscribed."""

    def make(port: int, position: Any = None, commit: Any = lambda _: True, **options: Any) -> Reader:
        source = mqtt_source(place_of(port, **options))
        source.open(position, lambda _: False)
        return Reader(source, commit)

    return make


@pytest.fixture
def session(open_source: Callable[..., Reader]) -> Callable[..., None]:
    """`session(port)`: the source has been there once, so that the broker keeps what comes for it."""

    def make(port: int, **options: Any) -> None:
        with contextlib.closing(open_source(port, **options).source.batches(1)) as batches:
            assert next(batches) == []

    return make
