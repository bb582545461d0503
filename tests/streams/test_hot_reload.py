"""A running exchange acts on whole generations and on consents, on every record from then on."""

import threading
import time
import uuid

import pytest
from confluent_kafka import Producer
from generations import AT_MS, SCHEMA, WRITER_ID, generation_of

from penstock.ops.store.memory import MemoryKeyStore
from penstock.processors.keys import subject_reference
from penstock.schemas.codec import Codec
from penstock.schemas.confluent_wire import frame
from penstock.schemas.consent import ConsentRecord
from penstock.schemas.errors import ConfigurationError, DocumentError, RoleExit, UnavailableError
from penstock.schemas.versioned import unpack
from penstock.streams import accounts as accounts_module
from penstock.streams import consents as consents_module
from penstock.streams import control as control_module
from penstock.streams import exchange as exchange_module
from penstock.streams import lanes as lanes_module
from penstock.streams import slots as slots_module
from penstock.streams.consents import ConsentWriter
from penstock.streams.control import ControlReader, ControlWriter
from penstock.streams.exchange import Exchange, Slot, World
from penstock.streams.tail import Tail
from penstock.streams.topics import TopicSpec, ensure, quarantine_topic

RULES = {"status": ("in_force", "suspended", "in_force", "terminated")}


class Keys(MemoryKeyStore):
    """A key store that can be away."""

    away = False

    def reference_secret(self):
        if self.away:
            raise UnavailableError("the key store does not answer")
        return super().reference_secret()


class Watching:
    """Listens to the slot: generations acted on, states, and how often nothing was there to read."""

    def __init__(self):
        self.generations, self.states, self.idles = [], [], 0

    def generation(self, number, _agreements):
        self.generations.append(number)

    def state(self, state, reason):
        if not self.states or self.states[-1] != (state, reason):
            self.states.append((state, reason))

    def idle(self, _):
        self.idles += 1

    def batch(self, *_):
        pass

    def aborted(self):
        pass


class Running:
    """An exchange at work in a thread, on topics of its own."""

    def __init__(self, cluster, closing, **agreement):
        self.name = uuid.uuid4().hex[:8]
        self._agreement = {"dataset": f"income-{self.name}", "agreement": f"ee-fi-{self.name}", **agreement}
        self.view = f"view.ee-fi-{self.name}"
        self._codec = Codec(SCHEMA)
        self._number = 0
        self.given = []
        self.dataset = self._agreement["dataset"]
        self.topic = f"ee.{self.dataset}.v1"
        ensure(
            cluster, [TopicSpec(self.topic, 3), TopicSpec(self.view, 3), TopicSpec(quarantine_topic(self.dataset), 1)]
        )
        self.keys, self.watching, self.failure = Keys(), Watching(), None
        self._writer = closing(ControlWriter(cluster, self.name))
        self.apply("in_force")
        control = closing(ControlReader(cluster))
        assert control.wait_for(self.dataset, threading.Event())
        world = World(cluster, self.keys, None, self.watching, lambda: AT_MS)
        self._exchange = Exchange(Slot(self.name, self.dataset, 0), world, control)
        self._audit = closing(Tail(cluster, accounts_module.AUDIT))
        self.audits = []
        self._producer = Producer({"bootstrap.servers": cluster.bootstrap, "linger.ms": 0})
        self._producer.list_topics(self.topic, 10)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        try:
            self._exchange.run(self._stop)
        except Exception as failure:  # noqa: BLE001 - the test looks at it
            self.failure = failure
        finally:
            self._exchange.close()

    def apply(self, status):
        self._number += 1
        self._writer.write(generation_of(self._number, status=status, **self._agreement))

    def publish(self, *people):
        for person in people:
            event = {"id": f"e{len(self.given)}", "at": AT_MS, "person": person, "amount": 5}
            value = frame(WRITER_ID, self._codec.encode(event))
            self._producer.produce(self.topic, value, partition=len(self.given) % 3)
            self.given.append(person)
        assert self._producer.flush(10) == 0

    def accounted(self):
        """How many records the audit log accounts for."""
        self.audits += [unpack(entry.value) for entry in self._audit.to_end()]
        return sum(records for one in self.audits for _, _, records in one["inputs"].values())

    def counts(self):
        """(generation, released, withheld) of every transaction."""
        return [(one["generation"], *list(one["agreements"].values())[0].values()) for one in self.audits]  # noqa: RUF015

    def stop(self):
        self._stop.set()
        self._thread.join(20)
        assert not self._thread.is_alive()


@pytest.fixture
def running(cluster, hands, closing, monkeypatch):
    started = []
    for module, name in (
        (control_module, "CONTROL"),
        (consents_module, "CONSENTS"),
        (accounts_module, "AUDIT"),
        (accounts_module, "DISCLOSURES"),
        (slots_module, "SLOTS"),
        (lanes_module, "LANES"),
    ):
        monkeypatch.setattr(module, name, hands.topic())

    def start(**agreement):
        started.append(Running(cluster, closing, **agreement))
        return started[-1]

    yield start
    for one in started:
        one.stop()


@pytest.mark.alone
def test_each_generation_is_acted_on_within_a_second_and_no_record_twice(running, hands, wait_until):
    """Records flow without a pause while an agreement is suspended, resumed and terminated."""
    line = running()
    for number, status in enumerate(RULES["status"], 1):
        if number > 1:
            line.apply(status)
            started = time.monotonic()
            while line.watching.generations[-1] != number:
                line.publish("anna", "bela")
                assert time.monotonic() - started < 1 + 4  # a second is the law; the rest for a busy machine
        line.publish(*["anna"] * 5)
        wait_until(lambda: line.accounted() == len(line.given))
    reasons = {1: {}, 2: {"suspended"}, 3: {}, 4: {"not_in_force"}}
    assert [one["generation"] for one in line.audits] == sorted(one["generation"] for one in line.audits)
    for one in line.audits:
        (counts,) = one["agreements"].values()
        records = sum(span[2] for span in one["inputs"].values())
        assert counts["withheld"].keys() == set(reasons[one["generation"]])
        assert counts["released"] + sum(counts["withheld"].values()) == records
    released = sum(list(one["agreements"].values())[0]["released"] for one in line.audits)  # noqa: RUF015
    views = hands.read(line.view, released + 1, timeout_s=2)
    assert len(views) == released
    assert line.failure is None


def test_a_consent_counts_from_its_commit_on_until_it_is_withdrawn(running, cluster, closing, wait_until):
    line = running(consent="required")
    writer = closing(ConsentWriter(cluster, line.name))
    anna = subject_reference(line.keys.reference_secret(), "anna")
    line.publish("anna")
    wait_until(lambda: line.accounted() == 1)
    for given in (True, False):
        writer.write([ConsentRecord(next(iter(line.audits[0]["agreements"])), anna, given, AT_MS)])
        wait_until(lambda given=given: (anna in consents_of(line)) == given)
        line.publish("anna", "bela")
        wait_until(lambda: line.accounted() == len(line.given))
    per_offset = {one["consent_offset"]: 0 for one in line.audits}
    for one in line.audits:
        per_offset[one["consent_offset"]] += list(one["agreements"].values())[0]["released"]  # noqa: RUF015
    assert [per_offset[key] for key in sorted(per_offset)] == [0, 1, 0]


def consents_of(line):
    return next(iter(line._exchange._knowledge.consents.values()), frozenset())


def test_a_generation_that_cannot_be_compiled_yet_is_waited_for(running, wait_until, monkeypatch):
    """The key store is away while a suspension comes: nothing goes out under the generation before."""
    monkeypatch.setattr(exchange_module, "RETRY_S", 0.1)
    line = running()
    line.publish("anna")
    wait_until(lambda: line.accounted() == 1)
    line.keys.away = True
    line.apply("suspended")
    wait_until(lambda: line.watching.states[-1][0] == "waiting")
    line.publish("bela")
    time.sleep(0.5)
    assert line.accounted() == 1
    line.keys.away = False
    wait_until(lambda: line.accounted() == 2)
    assert line.audits[-1]["generation"] == 2
    assert [one["generation"] for one in line.audits] == [1, 2]
    assert line.watching.states[-1] == ("running", "")


def test_a_control_record_that_cannot_be_read_stops_the_slot(running, hands, wait_until):
    line = running()
    hands.produce(control_module.CONTROL, b"\x02 from the future", key=b"generation")
    wait_until(lambda: line.failure)
    assert isinstance(line.failure, DocumentError)
    line.publish("anna")
    time.sleep(0.3)
    assert line.accounted() == 0


def test_a_dataset_that_is_gone_stops_the_slot(running, wait_until):
    line = running()
    line._agreement["dataset"] = "other"
    line.apply("in_force")
    wait_until(lambda: line.failure)
    assert isinstance(line.failure, ConfigurationError)


def test_a_slot_that_was_taken_over_ends(running, cluster, closing, wait_until):
    line = running()
    line.publish("anna")
    wait_until(lambda: line.accounted() == 1)
    control = closing(ControlReader(cluster))
    assert control.wait_for(line.dataset, threading.Event())
    other = closing(
        Exchange(Slot(line.name, line.dataset, 0), World(cluster, line.keys, None, Watching(), lambda: 1), control)
    )
    other._runner.start()
    wait_until(lambda: other._runner.step() or line.failure)
    wait_until(lambda: line.failure)
    assert isinstance(line.failure, RoleExit)
