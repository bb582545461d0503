"""The demonstration's MQTT broker, in both its forms: nobody comes in without a password."""

import os
import threading
from pathlib import Path

import pytest
from ecosystem import gone
from mqtt_broker import MqttBroker, found_mosquitto
from paho.mqtt.client import Client, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion


def answer(port: int, user: str, password: str) -> str:
    """Return what the broker answers to somebody who wants to come in."""
    said: list[str] = []
    answered = threading.Event()
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv311)
    if user:
        client.username_pw_set(user, password)

    def connected(*arguments: object) -> None:
        said.append(str(arguments[3]))
        answered.set()

    client.on_connect = connected
    client.connect("127.0.0.1", port)
    client.loop_start()
    assert answered.wait(20)
    client.disconnect()
    client.loop_stop()
    return said[0]


@pytest.mark.parametrize("kind", ["mosquitto", "python"])
def test_it_lets_in_whom_it_knows_and_nobody_else(tmp_path: Path, kind: str) -> None:
    program = found_mosquitto() if kind == "mosquitto" else ""
    if kind == "mosquitto" and not program:
        assert os.environ.get("PENSTOCK_REQUIRE_ALL") != "1", "mosquitto is not installed"
        pytest.skip("mosquitto is not installed")
    with MqttBroker(tmp_path, {"sensors": "right", "penstock": "other"}, program) as broker:
        assert answer(broker.port, "sensors", "right") == "Success"
        assert answer(broker.port, "penstock", "other") == "Success"
        for user, password in (("sensors", "other"), ("nobody", "right"), ("", "")):
            assert answer(broker.port, user, password) == "Not authorized"
        pid = broker.pid
    assert gone([pid])
    secrets = [path for path in tmp_path.iterdir() if "passwords" in path.name]
    assert [path.stat().st_mode & 0o77 for path in secrets] == [0]
    assert b"right" not in secrets[0].read_bytes()
