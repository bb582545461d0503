"""A dataset in force with topics of its own, and publishers of its sources, one after the other."""

import threading
import time
import uuid
from dataclasses import replace

from generations import generation_of

from penstock.ops.store.memory import MemoryKeyStore
from penstock.schemas.codec import Codec
from penstock.schemas.confluent_wire import unframe
from penstock.schemas.generation import ContractInForce
from penstock.schemas.versioned import unpack
from penstock.streams import publisher as publisher_module
from penstock.streams.control import ControlWriter
from penstock.streams.publisher import Bench, Feed, Publisher
from penstock.streams.reader import TopicReader
from penstock.streams.sources import SourcePositions
from penstock.streams.tail import Tail
from penstock.streams.topics import TopicSpec, ensure, provider_topic, quarantine_topic

SOURCE = "payments"


class Deaf:
    """Listens to nothing."""

    def __getattr__(self, _):
        return lambda *_: None


def now_ms():
    return time.time_ns() // 1_000_000


class Running:
    """A publisher at work in a thread of its own."""

    def __init__(self, publisher):
        self._publisher, self._stop, self._ended = publisher, threading.Event(), []
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def _work(self):
        try:
            self._publisher.run(self._stop)
        except Exception as failure:  # noqa: BLE001 - the test looks at it
            self._ended.append(failure)

    def wait(self, until):
        """Wait until a condition holds, or the publisher ended by itself."""
        deadline = time.monotonic() + 20
        while self._thread.is_alive() and not until():
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def end(self):
        """Stop it; return what ended it early."""
        self._stop.set()
        self._thread.join(10)
        assert not self._thread.is_alive()
        return self._ended[0] if self._ended else None


class Publishing:
    """Publishes on a real broker; `changes` are the contract's. `clock` may be turned while it runs."""

    def __init__(self, cluster, closing, *, clock=now_ms, **changes):
        self.cluster, self.name, self.clock = cluster, uuid.uuid4().hex[:8], clock
        self.dataset = f"income-{self.name}"
        self.topic, self.quarantine = f"ee.{self.dataset}.v1", quarantine_topic(self.dataset)
        ensure(cluster, [provider_topic(self.topic, 3, 10**9), TopicSpec(self.quarantine, 1)])
        self._control = closing(ControlWriter(cluster, self.name))
        self._closing = closing
        self.put_in_force(1, **changes)
        self.keys = MemoryKeyStore()

    def put_in_force(self, number, **changes):
        made = generation_of(number, dataset=self.dataset)
        held = made.contracts[self.dataset]
        self.contract = replace(held.contract, **changes)
        in_force = ContractInForce(self.contract, held.digest, {7: self.contract.schema})
        self._control.write(replace(made, contracts={self.dataset: in_force}))

    def publisher(self, source, name=SOURCE, contract=None, cluster=None):
        """`cluster`: another way to the same broker."""
        feed = Feed(self.name, name, self.dataset, source, contract)
        return self._closing(Publisher(feed, Bench(cluster or self.cluster, self.keys, Deaf(), self._now)))

    def _now(self):
        return self.clock()

    def run(self, source, until, publisher=None):
        """Publish until `until` holds; return what ended it early."""
        running = Running(publisher or self.publisher(source))
        running.wait(until)
        return running.end()

    def events(self):
        """The events on the provider topic, committed ones, in no order."""
        reader = TopicReader(self.cluster, self.topic)
        codec = Codec(self.contract.schema)
        found = [codec.decode(unframe(one.value)[1]) for one in reader.to_end()]
        reader.close()
        return found

    def published(self):
        """Numbers of the events on the provider topic, sorted."""
        return sorted(one["amount"] for one in self.events())

    def audits(self):
        tail = Tail(self.cluster, publisher_module.AUDIT)
        found = [unpack(entry.value) for entry in tail.to_end()]
        tail.close()
        return found

    def accounted(self, *keys):
        found = self.audits()
        return tuple(sum(one.get(key, 0) for one in found) for key in keys or ("published", "quarantined"))

    def position(self):
        return SourcePositions(self.cluster, SOURCE).position
