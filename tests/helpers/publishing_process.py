"""A publisher of one MQTT source in a process of its own, which may kill itself where nobody can tidy up.

Arguments: one JSON object with `bootstrap`, `topics` (control, audit, sources), `dataset`, `port`, `client_id`, and
`die`: [before|after, n] (before the n-th batch is given, or after its commit and before its acknowledgement).
"""

import json
import os
import signal
import sys
from pathlib import Path
from threading import Event
from typing import Any

from generations import AT_MS, SCHEMA

from penstock.connectors.mqtt.source import mqtt_source
from penstock.ops.store.memory import MemoryKeyStore
from penstock.schemas.source_place import SourcePlace
from penstock.streams import control, publisher, sources
from penstock.streams.settings import Cluster


class Deaf:
    """Listens to nothing."""

    def __getattr__(self, _):
        return lambda *_: None


class Dying:
    """A source that ends its process."""

    text = False

    def __init__(self, inner, die):
        self._inner, self._die, self._counts = inner, die, {"before": 0, "after": 0}

    def open(self, position, finished):
        self._inner.open(position, finished)

    def batches(self, limit):
        for batch in self._inner.batches(limit):
            if batch:
                self._perhaps("before")
            yield batch

    def committed(self, position):
        self._perhaps("after")
        self._inner.committed(position)

    def stop(self):
        self._inner.stop()

    def _perhaps(self, moment):
        self._counts[moment] += 1
        if self._die == [moment, self._counts[moment]]:
            os.kill(os.getpid(), signal.SIGKILL)


def main(said: dict[str, Any]) -> None:
    control.CONTROL, publisher.AUDIT, sources.SOURCES = said["topics"]
    cluster = Cluster(said["bootstrap"])
    reader = control.ControlReader(cluster)
    stop = Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    assert reader.wait_for(said["dataset"], stop)
    contract = reader.in_force().contracts[said["dataset"]].contract
    reader.close()
    nobody: Any = None
    options = {"host": "127.0.0.1", "port": said["port"], "topic": "city/air/{person}", "client_id": said["client_id"]}
    place = SourcePlace("air", Path(), None, "json", options, contract, os.environ.__getitem__, nobody, nobody, int)
    publisher.BATCH_RECORDS = said["batch"]
    feed = publisher.Feed(said["ecosystem"], "air", said["dataset"], Dying(mqtt_source(place), said["die"]))
    made = publisher.Publisher(feed, publisher.Bench(cluster, MemoryKeyStore(), Deaf(), lambda: AT_MS))
    made.run(stop)
    made.close()


if __name__ == "__main__":
    assert SCHEMA
    main(json.loads(sys.argv[1]))
