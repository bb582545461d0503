"""A dataset with several agreements and an exchange at work on it: in a thread, or as a process to be killed."""

import logging
import sys
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field, replace

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourcePatternType,
    ResourceType,
)
from generations import AT_MS, SCHEMA, WRITER_ID, generation_of
from view_world import PASS

from penstock.ops.store.memory import MemoryKeyStore
from penstock.schemas.codec import Codec
from penstock.schemas.confluent_wire import frame
from penstock.schemas.contract import PersonalData
from penstock.schemas.errors import PenstockError
from penstock.schemas.versioned import unpack
from penstock.schemas.view_label import view_schema_of
from penstock.streams.control import ControlReader, ControlWriter
from penstock.streams.exchange import Exchange, Slot, World
from penstock.streams.settings import Cluster
from penstock.streams.tail import Tail
from penstock.streams.topics import AUDIT, TopicSpec, ensure, quarantine_topic

PARTITIONS = 2
READ_S = 20.0
SHOWN = {**PASS, "reason": "needed"}
SAFEGUARDS = {"id": SHOWN, "at": SHOWN, "person": {"do": "omit"}, "amount": {"do": "omit"}}
BULK = {**SAFEGUARDS, "amount": {"do": "encrypt"}}


class Silent:
    """Listens to a slot and keeps what it is told."""

    def __init__(self):
        self.states, self.behind_told = [], []

    def generation(self, *_):
        pass

    def state(self, state, reason):
        if not self.states or self.states[-1] != (state, reason):
            self.states.append((state, reason))

    def idle(self, _):
        pass

    def batch(self, *_):
        pass

    def aborted(self):
        pass

    def behind(self, records, parked):
        self.behind_told.append((dict(records), set(parked)))


class Keys(MemoryKeyStore):
    """A key store in which agreements can lack their own key."""

    def __init__(self):
        super().__init__()
        self.missing = {}

    def bulk_key(self, scope, worker):
        if scope in self.missing:
            raise self.missing[scope]
        return super().bulk_key(scope, worker)


@dataclass(frozen=True)
class Seen:
    """A released event: its id is its number on its partition."""

    partition: int
    number: int
    appended_ms: int
    value: dict = field(default_factory=dict, compare=False)


class Line:
    """`agreements` are ids; `given` counts events per partition."""

    def __init__(self, cluster, *, count=3, name="", **changes):
        self.cluster = cluster
        self.name = name or uuid.uuid4().hex[:8]
        self.dataset = f"income-{self.name}"
        self.topic = f"ee.{self.dataset}.v1"
        self.agreements = [f"{self.name}-{letter}" for letter in range(count)]
        self.changes = {one: dict(changes) for one in self.agreements}
        self.given = Counter()
        self.codec = Codec(SCHEMA)
        self.admin = AdminClient({"bootstrap.servers": cluster.bootstrap})
        self._writer, self._producer, self._number, self._running = None, None, 0, []

    def open(self):
        """Create the topics and put the agreements in force."""
        views = [TopicSpec(self.view_of(one), PARTITIONS, {"message.timestamp.type": "LogAppendTime"})
                 for one in self.agreements]  # fmt: skip
        ensure(self.cluster, [TopicSpec(self.topic, PARTITIONS), TopicSpec(quarantine_topic(self.dataset), 1), *views])
        self._writer = ControlWriter(self.cluster, self.name)
        self._producer = Producer({"bootstrap.servers": self.cluster.bootstrap, "linger.ms": 5})
        self._producer.list_topics(self.topic, 10)
        self.apply()
        return self

    def add(self):
        """Add one agreement, to be applied, and its view topic; return its id."""
        self.agreements.append(f"{self.name}-{len(self.agreements)}")
        self.changes[self.agreements[-1]] = {}
        self.create(self.agreements[-1])
        return self.agreements[-1]

    def view_of(self, agreement):
        return f"view.{agreement}"

    def apply(self):
        """Put everything in force; `changes` of an agreement may hold `held`, what the control record says of it."""
        self._number += 1
        found = None
        for one in self.agreements:
            changes = dict(self.changes[one])
            held = changes.pop("held", {})
            made = generation_of(self._number, dataset=self.dataset, agreement=one,
                                 **{"safeguards": SAFEGUARDS, **changes})  # fmt: skip
            mine = {one: replace(made.agreements[one], **held)}
            found = replace(made, agreements={**(found.agreements if found else {}), **mine})
        contract = found.contracts[self.dataset].contract
        amount = replace(contract.fields["amount"], personal=PersonalData.NONE)  # of nobody: encrypted under a bulk key
        contract = replace(contract, fields={**contract.fields, "amount": amount})
        self._writer.write(
            replace(found, contracts={self.dataset: replace(found.contracts[self.dataset], contract=contract)})
        )

    def publish(self, count, *, flush=True):
        for _ in range(count):
            partition = sum(self.given.values()) % PARTITIONS
            event = {"id": str(self.given[partition]), "at": AT_MS, "person": f"p{partition}", "amount": 5}
            value = frame(WRITER_ID, self.codec.encode(event))
            self._producer.produce(self.topic, value, partition=partition)
            self.given[partition] += 1
        if flush:
            assert self._producer.flush(10) == 0
        else:
            self._producer.poll(0)

    def feed(self, seconds, a_second=400):
        """Publish at a steady rate."""
        started = time.monotonic()
        fed = 0
        while (passed := time.monotonic() - started) < seconds:
            self.publish(int(passed * a_second) - fed, flush=False)
            fed = int(passed * a_second)
            time.sleep(0.01)
        self.publish(0)

    # --- who works ---

    def start(self, slot=0, lane=0, keys=None):
        self._running.append(Working(self, slot, lane, keys or Keys()))
        return self._running[-1]

    def stop(self):
        for one in self._running:
            one.stop()
        if self._writer:
            self._writer.close()

    # --- what came out ---

    def seen(self, agreement):
        """Everything committed to a view, in order per partition."""
        settings = {**self.cluster.reader(), "auto.offset.reset": "earliest"}
        consumer = Consumer(settings)
        consumer.assign([TopicPartition(self.view_of(agreement), one, 0) for one in range(PARTITIONS)])
        codec, found, ended = Codec(self._view_schema(agreement)), [], set()
        deadline = time.monotonic() + READ_S
        try:
            while len(ended) < PARTITIONS:
                assert time.monotonic() < deadline, "the view cannot be read"
                for message in consumer.consume(1000, 0.05):
                    if message.error() is None:
                        value = codec.decode(message.value()[5:])
                        found.append(Seen(message.partition(), int(value["id"]), message.timestamp()[1], value))
                    else:
                        assert message.error().code() == KafkaError._PARTITION_EOF, message.error()
                        ended.add(message.partition())
        finally:
            consumer.close()
        return found

    def _view_schema(self, agreement):
        made = generation_of(1, dataset=self.dataset, agreement=agreement,
                             safeguards=self.changes[agreement].get("safeguards", SAFEGUARDS))  # fmt: skip
        return view_schema_of(made.contracts[self.dataset].contract, made.agreements[agreement].agreement)

    def numbers(self, agreement):
        """Event numbers by partition, as they lie in the view."""
        found = {one: [] for one in range(PARTITIONS)}
        for one in self.seen(agreement):
            found[one.partition].append(one.number)
        return found

    def whole(self, agreement):
        """Whether a view holds every event once, in order."""
        return self.numbers(agreement) == self.owed()

    def owed(self, first=0):
        return {one: list(range(first, self.given[one])) for one in range(PARTITIONS)}

    def audits(self):
        tail = Tail(self.cluster, AUDIT)
        try:
            records = [unpack(entry.value) for entry in tail.to_end()]
        finally:
            tail.close()
        return [one for one in records if one["kind"] == "exchange" and one["dataset"] == self.dataset]

    def accounted(self):
        """How many records the common batches dealt with."""
        common = [one for one in self.audits() if not one.get("catch_up") and not one.get("lane")]
        return sum(span[2] for one in common for span in one["inputs"].values())

    def cover(self, agreement):
        """Offsets decided for an agreement, by partition, as an auditor finds them: sorted, each as often as it was."""
        found = {one: [] for one in range(PARTITIONS)}
        for audit in self.audits():
            if agreement in audit["agreements"]:
                aside = audit.get("put_aside", {}).get(agreement, [])
                for partition, (first, end, _) in audit["inputs"].items():
                    if int(partition) not in aside:
                        found[int(partition)] += range(first, end)
        return {partition: sorted(offsets) for partition, offsets in found.items()}

    # --- what goes wrong ---

    def shrink(self, agreement, size="100"):
        """Let a view take no record (61 bytes for its batch alone), but still the marker of a transaction (78)."""
        self._set(agreement, "max.message.bytes", size)

    def grow(self, agreement):
        self._set(agreement, "max.message.bytes", "1048588")

    def _set(self, agreement, key, value):
        entry = ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ConfigResource.Type.TOPIC, self.view_of(agreement), incremental_configs=[entry])
        for future in self.admin.incremental_alter_configs([resource]).values():
            future.result(10)

    def forget(self, before):
        """Delete the provider topic's records before an offset, as its retention does."""
        for future in self.admin.delete_records([TopicPartition(self.topic, one, before) for one in (0, 1)]).values():
            future.result(10)

    def delete(self, agreement):
        self.admin.delete_topics([self.view_of(agreement)])[self.view_of(agreement)].result(10)

    def create(self, agreement):
        spec = TopicSpec(self.view_of(agreement), PARTITIONS, {"message.timestamp.type": "LogAppendTime"})
        ensure(self.cluster, [spec])

    def _rule(self, agreement):
        """One rule on a topic, and all that it does not allow is denied."""
        where = ResourceType.TOPIC, self.view_of(agreement), ResourcePatternType.LITERAL
        return (*where, "User:ANONYMOUS", "*", AclOperation.READ, AclPermissionType.ALLOW)

    def deny(self, agreement):
        """Let everybody read a view, and nobody write it."""
        for future in self.admin.create_acls([AclBinding(*self._rule(agreement))]).values():
            future.result(10)

    def allow(self, agreement):
        for future in self.admin.delete_acls([AclBindingFilter(*self._rule(agreement))]).values():
            future.result(10)


class Working:
    """An exchange in a thread."""

    def __init__(self, line, slot, lane, keys):
        self.watching, self.keys, self.failure = Silent(), keys, None
        self.control = ControlReader(line.cluster)
        assert self.control.wait_for(line.dataset, threading.Event())
        world = World(line.cluster, self.keys, None, self.watching, lambda: AT_MS)
        self.exchange = Exchange(Slot(line.name, line.dataset, slot, lane), world, self.control)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        try:
            self.exchange.run(self._stop)
        except Exception as failure:  # noqa: BLE001 - the test looks at it
            self.failure = failure
        finally:
            self.exchange.close()
            self.control.close()

    def behind(self):
        """Places that are behind, with their reasons, as far as they were written."""
        states = list(self.exchange._lanes._states.values())
        return {one.place: (one.reason, one.error) for one in states if one.behind}

    def stop(self):
        self._stop.set()
        self._thread.join(20)
        assert not self._thread.is_alive()


def work(bootstrap, name, slot, count):
    """Be one slot of a line, until killed. A RoleExit begins it anew, as its supervisor would."""
    logging.basicConfig(level=logging.INFO)
    line = Line(Cluster(bootstrap), name=name, count=int(count))
    working = line.start(int(slot))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    working._thread.join()
    raise working.failure or PenstockError("it ended by itself")


if __name__ == "__main__":
    work(*sys.argv[1:])
