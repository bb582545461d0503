"""How messages leave the sensors: MQTT to a broker, HTTP to Penstock. What is not taken is sent again.

Where to comes from the environment, as `penstock up --feed` sets it.
"""

import http.client
import json
import os
import threading
import time
import urllib.request
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from paho.mqtt.client import Client, MQTTMessageInfo, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion

PATIENCE_S = 120.0
LATER = {408, 409, 429, 503}
USER, PASSWORD = "KALDVERE_MQTT_SENSOR_USER", "KALDVERE_MQTT_SENSOR_PASSWORD"


class NotTakenError(Exception):
    """Nobody takes what we send; the message says who not, and never what it was."""


def setting(prefix: str, name: str) -> str:
    """Return a variable such as PENSTOCK_HTTP_TRAFFIC_FLOW. Raises NotTakenError when it is not set."""
    variable = f"{prefix}_{name.upper().replace('-', '_')}"
    try:
        return os.environ[variable]
    except KeyError:
        raise NotTakenError(f"{variable} is not set: run the sensors by `penstock up DIR --feed`") from None


class Mqtt:
    """The sensors' connection to the MQTT broker of a source: QoS 1, and finished when all is acknowledged."""

    def __init__(self, source: str) -> None:
        host, _, port = setting("PENSTOCK_MQTT", source).rpartition(":")
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv311)
        self._client.max_inflight_messages_set(200)
        if USER in os.environ:
            self._client.username_pw_set(os.environ[USER], os.environ[PASSWORD])
        try:
            self._client.connect(host, int(port))
        except OSError as error:
            raise NotTakenError(f"the MQTT broker at {host}:{port} cannot be reached: {error.strerror}") from None
        self._client.loop_start()
        self._sent: list[MQTTMessageInfo] = []

    def send(self, topic: str, body: bytes) -> None:
        self._sent.append(self._client.publish(topic, body, qos=1))
        if len(self._sent) > 2_000:
            self.finish()

    def finish(self) -> None:
        """Return when the broker has everything."""
        deadline = time.monotonic() + PATIENCE_S
        for one in self._sent:
            one.wait_for_publish(max(0.0, deadline - time.monotonic()))
            if not one.is_published():
                raise NotTakenError("the MQTT broker does not acknowledge what the sensors send")
        self._sent = []

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class Http:
    """Posts to one HTTP source. An answer that says `later` is waited for, under the same Idempotency-Key."""

    def __init__(self, source: str, dataset: str, member: str) -> None:
        self._at = urlsplit(setting("PENSTOCK_HTTP", source))
        self._path = f"/v1/datasets/{dataset}/events"
        self._token = setting("PENSTOCK_TOKEN", member)
        self._held = threading.local()

    def post(self, body: bytes) -> Mapping[str, Any]:
        """Send one event; return its receipt, also where the event went to quarantine."""
        return self._send(body, "application/json")

    def post_lines(self, bodies: Sequence[bytes]) -> Mapping[str, Any]:
        """Send a batch; return its receipt."""
        return self._send(b"".join(body + b"\n" for body in bodies), "application/x-ndjson")

    def offer_lines(self, bodies: Sequence[bytes]) -> tuple[int, int]:
        """Send a batch once; return the status (0: nobody answered) and how many were accepted."""
        status, _, said = self._once(b"".join(body + b"\n" for body in bodies), self._headers("application/x-ndjson"))
        return status, said.get("accepted", 0)

    def _headers(self, media: str) -> Mapping[str, str]:
        return {
            "Authorization": f"Bearer {self._token}",
            "Content-Type": media,
            "Idempotency-Key": str(uuid.uuid4()),
        }

    def _send(self, body: bytes, media: str) -> Mapping[str, Any]:
        headers = self._headers(media)
        deadline = time.monotonic() + PATIENCE_S
        while True:
            status, wait_s, said = self._once(body, headers)
            if "receipt" in said:
                return said
            if status and status not in LATER:
                raise NotTakenError(f"{self._at.netloc}{self._path} answers {status}: {said.get('detail', '')}")
            if time.monotonic() > deadline:
                raise NotTakenError(f"{self._at.netloc}{self._path} does not take what the sensors send")
            time.sleep(wait_s)

    def _once(self, body: bytes, headers: Mapping[str, str]) -> tuple[int, float, Mapping[str, Any]]:
        """Return status (0: nobody answered), how long to wait before asking again, and what was said."""
        connection = getattr(self._held, "connection", None)
        if connection is None:
            connection = self._held.connection = http.client.HTTPConnection(self._at.netloc, timeout=60)
        try:
            connection.request("POST", self._path, body, dict(headers))
            answer = connection.getresponse()
            said = json.loads(answer.read() or b"{}")
            return answer.status, float(answer.headers.get("Retry-After", 0.5)), said
        except (OSError, http.client.HTTPException, ValueError):
            connection.close()
            self._held.connection = None
            return 0, 0.5, {}


class Taken:
    """How much the sources' own metrics say was dealt with: published, known already, or refused."""

    COUNTERS = ("penstock_published_total", "penstock_events_duplicate_total", "penstock_events_quarantined_total")

    def __init__(self, sources: Sequence[str]) -> None:
        self._run = Path(setting("PENSTOCK", "run"))
        self._before = {source: self._count(source) for source in sources}

    def wait(self, source: str, messages: int) -> None:
        """Return when `messages` more were dealt with than at the beginning."""
        deadline, last = time.monotonic() + PATIENCE_S, -1
        while (count := self._count(source) - self._before[source]) < messages:
            if count != last:
                deadline, last = time.monotonic() + PATIENCE_S, count
            elif time.monotonic() > deadline:
                raise NotTakenError(f"the source {source} dealt with {count} of {messages} messages and then no more")
            time.sleep(0.1)

    def _count(self, source: str) -> int:
        try:
            port = json.loads((self._run / f"connectors-{source}.json").read_text())["port"]
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                page = answer.read().decode()
        except (OSError, ValueError, KeyError):
            return 0
        lines = (line.rpartition(" ") for line in page.splitlines() if line.startswith(self.COUNTERS))
        return int(sum(float(value) for _, _, value in lines))
