"""From the MQTT broker into Kafka: nothing acknowledged before its commit, nothing lost, whoever is killed."""

import json
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
from generations import SCHEMA, generation_of
from mosquitto import Mosquitto
from mqtt_hands import reading

from penstock.schemas.codec import Codec
from penstock.schemas.confluent_wire import unframe
from penstock.schemas.versioned import unpack
from penstock.streams import control as control_module
from penstock.streams.control import ControlWriter
from penstock.streams.reader import TopicReader
from penstock.streams.settings import Cluster
from penstock.streams.tail import Tail
from penstock.streams.topics import TopicSpec, ensure, quarantine_topic

HELPERS = Path(__file__).parents[1] / "helpers"


class Publishing:
    """A dataset in force, and publishers of its MQTT source as processes, one after the other."""

    def __init__(self, bootstrap: str, port: int, client_id: str, topics: list[str], **contract: Any) -> None:
        self.cluster, self.dataset = Cluster(bootstrap), f"air-{uuid.uuid4().hex[:8]}"
        self.topic, self.quarantine = f"ee.{self.dataset}.v1", quarantine_topic(self.dataset)
        ensure(self.cluster, [TopicSpec(self.topic, 3), TopicSpec(self.quarantine, 1)])
        writer = ControlWriter(self.cluster, self.dataset)
        writer.write(_with(generation_of(dataset=self.dataset), self.dataset, contract))
        writer.close()
        self._said = {
            "bootstrap": bootstrap,
            "port": port,
            "client_id": client_id,
            "topics": topics,
            "dataset": self.dataset,
            "ecosystem": self.dataset,
        }

    def start(self, die: Any = None, batch: int = 2_000) -> subprocess.Popen[bytes]:
        said = json.dumps({**self._said, "die": die, "batch": batch})
        return subprocess.Popen([sys.executable, str(HELPERS / "publishing_process.py"), said])

    def accounted(self) -> tuple[int, int]:
        """Published and duplicates, as the audit log has it."""
        tail = Tail(self.cluster, self._said["topics"][1])
        found = [unpack(entry.value) for entry in tail.to_end() if entry.value]
        tail.close()
        return sum(one["published"] for one in found), sum(one.get("duplicates", 0) for one in found)

    def published(self) -> list[str]:
        """Ids of the events on the provider topic."""
        reader, codec = TopicReader(self.cluster, self.topic), Codec(SCHEMA)
        found = [codec.decode(unframe(one.value)[1])["id"] for one in reader.to_end() if one.value]
        reader.close()
        return found


def _with(generation: Any, dataset: str, changes: dict[str, Any]) -> Any:
    from dataclasses import replace

    held = generation.contracts[dataset]
    return replace(generation, contracts={dataset: replace(held, contract=replace(held.contract, **changes))})


@pytest.fixture
def publishing_of(hands: Any, mosquitto: Mosquitto, client_id: str, session: Any, monkeypatch: Any) -> Any:
    """`publishing_of(**contract)`: a dataset whose contract is changed so, and a session of its source."""
    session(mosquitto.port)
    topics = [hands.topic() for _ in range(3)]
    monkeypatch.setattr(control_module, "CONTROL", topics[0])
    return lambda **contract: Publishing(
        hands._base["bootstrap.servers"], mosquitto.port, client_id, topics, **contract
    )


def _ids(count: int) -> list[str]:
    return [f"e{number}" for number in range(count)]


def test_ten_thousand_messages_over_two_kills_are_published_once_each(
    publishing_of: Any, mosquitto: Mosquitto, sensors_of: Any, wait_until: Any
) -> None:
    """Killed before a batch is given, and after a commit that it could not acknowledge: that one comes again.

    The window of duplicates discards it, and counts it.
    """
    publishing, sensors = publishing_of(duplicate_window="PT1H"), sensors_of(mosquitto.port)
    sensors.publish(*(reading(number) for number in range(10_000)))
    assert publishing.start(["before", 3]).wait(60) == -9
    assert publishing.start(["after", 2], batch=500).wait(60) == -9
    before = len(publishing.published())
    last = publishing.start()
    try:
        wait_until(lambda: len(set(publishing.published())) == 10_000, 60)
    finally:
        last.terminate()
        assert last.wait(20) == 0
    assert sorted(publishing.published()) == sorted(f"e{number}" for number in range(10_000))
    assert before < 10_000
    published, duplicates = publishing.accounted()
    assert published == 10_000
    assert duplicates >= 500


def test_what_is_refused_lies_in_quarantine_and_its_neighbours_go_on(
    publishing_of: Any, mosquitto: Mosquitto, sensors_of: Any, wait_until: Any, hands: Any
) -> None:
    publishing, sensors = publishing_of(), sensors_of(mosquitto.port)
    sensors.publish(reading(1), ("city/air/s2", b"no JSON"), reading(3), ("city/air/s4", b'{"id": "e4"}'))
    running = publishing.start()
    try:
        wait_until(lambda: len(publishing.published()) == 2, 60)
    finally:
        running.terminate()
        assert running.wait(20) == 0
    assert sorted(publishing.published()) == ["e1", "e3"]
    assert len(hands.read(publishing.quarantine, 2)) == 2
