"""The MQTT source under the conformance kit, over mosquitto and over a broker in Python."""

import asyncio
import contextlib
import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from amqtt.broker import Broker
from mosquitto import Mosquitto, free_port
from mqtt_hands import Sensors

from penstock.connectors.conformance.kit import Stand, assert_conforms
from penstock.connectors.mqtt.source import mqtt_source


def stands(place_of: Callable[..., Any], port: int, **options: Any) -> Callable[[], Any]:
    """Stands of ten messages, one of them no JSON, in a session and under a topic of their own."""

    @contextlib.contextmanager
    def stand() -> Iterator[Stand]:
        name = uuid.uuid4().hex[:8]
        place = place_of(port, client_id=f"kit-{name}", topic=f"kit/{name}/{{person}}", **options)
        first = mqtt_source(place)
        first.open(None, lambda _: False)
        with contextlib.closing(first.batches(1)) as batches:
            assert next(batches) == []
        sensors = Sensors(port)
        for number in range(10):
            payload = b"no JSON" if number == 5 else {"id": f"Mari-{number}"}
            sensors.publish((f"kit/{name}/Mari", payload))
        sensors.close()
        yield Stand(lambda: mqtt_source(place), 10, ("Mari",))

    return stand


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_the_mqtt_source_conforms(mosquitto: Mosquitto, place_of: Any, protocol: str) -> None:
    assert_conforms(stands(place_of, mosquitto.port, protocol=protocol), at_least_once=True)


class InPython:
    """amqtt on a loop in a thread: what a demonstration falls back to where no mosquitto is installed."""

    def __init__(self) -> None:
        self.port = free_port()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> "InPython":  # noqa: PYI034 - nobody inherits
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._begin(), self._loop).result(20)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._broker.shutdown(), self._loop).result(20)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    async def _begin(self) -> None:
        listeners = {"default": {"type": "tcp", "bind": f"127.0.0.1:{self.port}"}}
        plugins = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
        self._broker = Broker({"listeners": listeners, "plugins": plugins})
        await self._broker.start()


def test_the_source_reads_from_a_broker_in_python(open_source: Any) -> None:
    with InPython() as broker:
        reader = open_source(broker.port, protocol="3.1.1")
        sensors = Sensors(broker.port)
        sensors.publish(*((f"city/air/{number}", {"id": f"e{number}"}) for number in range(100)))
        reader.read(lambda: len(reader.records) == 100)
        sensors.close()
        assert sorted(reader.ids()) == sorted(f"e{number}" for number in range(100))
