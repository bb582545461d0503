"""The publisher on a real broker: every record of a source once, with its account and the source's position."""

import threading
import time
import uuid

import pytest
from generations import AT_MS, SCHEMA, generation_of

from penstock.connectors.doubles import FaultySource, ListSource, Refused
from penstock.ops.store.memory import MemoryKeyStore
from penstock.schemas.codec import Codec
from penstock.schemas.confluent_wire import unframe
from penstock.schemas.errors import RoleExit
from penstock.schemas.reasons import Refusal
from penstock.schemas.versioned import unpack
from penstock.streams import control as control_module
from penstock.streams import publisher as publisher_module
from penstock.streams import sources as sources_module
from penstock.streams import transaction as transaction_module
from penstock.streams.control import ControlWriter
from penstock.streams.publisher import Bench, Feed, Publisher
from penstock.streams.reader import TopicReader
from penstock.streams.sources import SourcePositions
from penstock.streams.tail import Tail
from penstock.streams.topics import TopicSpec, ensure, quarantine_topic
from penstock.streams.transaction import TransactionAborted


class Deaf:
    """Listens to nothing."""

    def __getattr__(self, _):
        return lambda *_: None


def events(*numbers):
    return [{"id": f"e{one}", "at": "2026-06-01T00:00:00Z", "person": f"p{one}", "amount": one} for one in numbers]


class Publishing:
    """A dataset in force with topics of its own, and publishers of one source, one after the other."""

    def __init__(self, cluster, closing):
        self.cluster, self.name = cluster, uuid.uuid4().hex[:8]
        self.dataset = f"income-{self.name}"
        self.topic, self.quarantine = f"ee.{self.dataset}.v1", quarantine_topic(self.dataset)
        ensure(cluster, [TopicSpec(self.topic, 3), TopicSpec(self.quarantine, 1)])
        closing(ControlWriter(cluster, self.name)).write(generation_of(dataset=self.dataset))
        self.keys = MemoryKeyStore()
        self._closing = closing

    def publisher(self, source):
        feed = Feed(self.name, "payments", self.dataset, source)
        return self._closing(Publisher(feed, Bench(self.cluster, self.keys, Deaf(), lambda: AT_MS)))

    def run(self, source, until, publisher=None):
        """Publish until `until` holds; return what ended it early."""
        publisher, stop, ended = publisher or self.publisher(source), threading.Event(), []

        def work():
            try:
                publisher.run(stop)
            except Exception as failure:  # noqa: BLE001 - the test looks at it
                ended.append(failure)

        thread = threading.Thread(target=work)
        thread.start()
        deadline = time.monotonic() + 20
        while thread.is_alive() and not until():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        stop.set()
        thread.join(10)
        assert not thread.is_alive()
        return ended[0] if ended else None

    def published(self):
        """Numbers of the events on the provider topic, sorted."""
        reader = TopicReader(self.cluster, self.topic)
        codec = Codec(SCHEMA)
        found = [codec.decode(unframe(one.value)[1])["amount"] for one in reader.to_end()]
        reader.close()
        return sorted(found)

    def accounted(self):
        tail = Tail(self.cluster, publisher_module.AUDIT)
        found = [unpack(entry.value) for entry in tail.to_end()]
        tail.close()
        return sum(one["published"] for one in found), sum(one["quarantined"] for one in found)

    def position(self):
        return SourcePositions(self.cluster, "payments").position


@pytest.fixture
def publishing(cluster, hands, closing, monkeypatch):
    for module, name in ((control_module, "CONTROL"), (publisher_module, "AUDIT"), (sources_module, "SOURCES")):
        monkeypatch.setattr(module, name, hands.topic())
    monkeypatch.setattr(publisher_module, "BATCH_RECORDS", 4)
    return Publishing(cluster, closing)


def test_records_refusals_accounts_and_position_come_together(publishing, hands):
    items = [
        *events(1, 2),
        {"id": "e3"},
        Refused(Refusal.ENCODING, "row 4", b"\xff"),
        *events(5),
        *events(2),
        *events(6),
    ]
    source = ListSource(items, finishes="hash")
    assert publishing.run(source, lambda: len(source.commits) == 2) is None
    assert publishing.published() == [1, 2, 5, 6]
    assert publishing.accounted() == (4, 3)
    assert len(hands.read(publishing.quarantine, 3)) == 3
    assert publishing.position() == {"item": 7}
    again = ListSource(items, finishes="hash")
    assert publishing.run(again, lambda: again._next == 7) is None
    assert again.commits == []


def test_a_source_that_is_restarted_goes_on_where_its_position_is(publishing):
    """It ends after the first commit, before it could note that commit anywhere itself."""
    items = events(*range(10))
    faulty = FaultySource(ListSource(items), on_commit={1: OSError("gone")})
    assert isinstance(publishing.run(faulty, lambda: False), OSError)
    rest = ListSource(items)
    assert publishing.run(rest, lambda: len(rest.commits) == 2) is None
    assert publishing.published() == list(range(10))
    assert publishing.accounted() == (10, 0)


def test_an_aborted_batch_is_published_once(publishing, monkeypatch):
    produce, failures = publisher_module.Publisher._produce, iter([1, 1])

    def stumble(self, *words):
        produce(self, *words)
        for _ in failures:
            raise TransactionAborted("scripted")

    monkeypatch.setattr(publisher_module.Publisher, "_produce", stumble)
    source = ListSource(events(*range(6)))
    assert publishing.run(source, lambda: len(source.commits) == 2) is None
    assert publishing.published() == list(range(6))
    assert publishing.accounted() == (6, 0)
    assert source.commits == [{"item": 4}, {"item": 6}]


def test_a_second_publisher_of_the_source_fences_the_first(publishing, monkeypatch):
    """The first has a batch in hand when the second takes over; only the second publishes it."""
    produce, over = publisher_module.Publisher._produce, []
    second = ListSource(events(*range(4)))

    def take_over(self, *words):
        produce(self, *words)
        if not over:
            over.append(publishing.publisher(second))
            assert publishing.run(second, lambda: second.commits, over[0]) is None

    monkeypatch.setattr(publisher_module.Publisher, "_produce", take_over)
    first = ListSource(events(*range(4)))
    assert isinstance(publishing.run(first, lambda: False), RoleExit)
    assert first.commits == []
    assert publishing.published() == list(range(4))
    assert publishing.accounted() == (4, 0)


def test_a_commit_whose_outcome_nobody_knows_is_looked_up_by_the_next_incarnation(publishing, monkeypatch):
    """The broker has committed, the publisher did not hear of it: the next one goes on behind the batch."""
    commit = transaction_module.TransactionalProducer._commit
    lost = iter([1])

    def commit_unheard(self):
        commit(self)
        for _ in lost:
            raise RoleExit("Kafka did not finish a transaction step in time")

    monkeypatch.setattr(transaction_module.TransactionalProducer, "_commit", commit_unheard)
    source = ListSource(events(*range(6)))
    assert isinstance(publishing.run(source, lambda: False), RoleExit)
    assert source.commits == []
    rest = ListSource(events(*range(6)))
    assert publishing.run(rest, lambda: rest.commits) is None
    assert rest.commits == [{"item": 6}]
    assert publishing.published() == list(range(6))


def test_the_position_is_read_when_nobody_else_can_move_it_any_more(publishing, monkeypatch):
    first = publishing.publisher(ListSource([]))
    first._producer.init()
    read = []

    def position(*words):
        with pytest.raises(RoleExit), first._producer.transaction() as transaction:
            transaction.produce(publisher_module.AUDIT, b"zombie")
        read.append(SourcePositions(*words))
        return read[-1]

    monkeypatch.setattr(publisher_module, "SourcePositions", position)
    source = ListSource(events(1))
    assert publishing.run(source, lambda: source.commits) is None
    assert len(read) == 1
