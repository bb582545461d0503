"""Hands for MQTT tests: sensors that publish, an edge that listens, and a reader that commits as the publisher does."""

import itertools
import json
import threading
import uuid
from collections.abc import Callable
from typing import Any

from paho.mqtt.client import Client, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion

from penstock.connectors.mqtt.source import MqttSource


class Listening:
    """An edge observer that remembers."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.connections: list[bool] = []
        self.reasons: list[str] = []

    def message(self, outcome: str) -> None:
        self.messages.append(outcome)

    def connected(self, connected: bool, why: str = "") -> None:  # noqa: FBT001 - as the port has it
        self.reasons.append(why)
        if self.connections[-1:] != [connected]:
            self.connections.append(connected)

    def queue(self, records: int) -> None: ...


class Sensors:
    """A publisher of messages; `publish` returns when the broker has acknowledged them all."""

    def __init__(self, port: int, **login: str) -> None:
        self._client = Client(CallbackAPIVersion.VERSION2, f"sensors-{uuid.uuid4().hex[:8]}", protocol=MQTTv311)
        self._acknowledged: set[int] = set()
        self._change = threading.Condition()
        self._client.on_publish = self._on_publish
        if login:
            self._client.username_pw_set(**login)
        self._client.max_inflight_messages_set(200)
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def publish(self, *messages: tuple[str, Any], qos: int = 1, retain: bool = False) -> None:
        """Publish, and return when the broker has acknowledged it all, also over a connection that broke."""
        sent = {self._client.publish(topic, _payload(value), qos, retain).mid for topic, value in messages}
        with self._change:
            assert self._change.wait_for(lambda: sent <= self._acknowledged, 60)

    def _on_publish(self, _: Client, __: Any, packet: int, *___: Any) -> None:
        with self._change:
            self._acknowledged.add(packet)
            self._change.notify_all()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def _payload(value: Any) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def reading(number: int) -> tuple[str, dict[str, Any]]:
    """A message of station s<number>, whose record lacks what its topic says."""
    value = {"id": f"e{number}", "at": "2026-06-01T00:00:00Z", "amount": number}
    return f"city/air/s{number}", value


class Reader:
    """Reads a source in a thread of its own, as the publisher does; `commit` decides what is committed."""

    def __init__(self, source: MqttSource, commit: Callable[[int], bool] = lambda _: True) -> None:
        self.source, self.records, self.position = source, [], None
        self._commit = commit
        self._numbers = itertools.count(1)

    def read(self, until: Callable[[], object], seconds: float = 30.0) -> list[Any]:
        """Read until `until()` holds, then leave as a process does that is stopped."""
        timer = threading.Timer(seconds, self.source.stop)
        timer.start()
        batches = self.source.batches(500)
        for batch in batches:
            self.records += batch
            if batch and self._commit(next(self._numbers)):
                self.position = batch[-1].position
                self.source.committed(self.position)
            if until():
                break
        timer.cancel()
        batches.close()
        assert until(), f"{len(self.records)} records came"
        return self.records

    def ids(self) -> list[str]:
        return [one.value["id"] for one in self.records if one.value]
