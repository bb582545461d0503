"""The publisher on a real broker: every record of a source once, with its account and the source's position."""

from dataclasses import replace

import pytest
from generations import AT_MS
from kafka_proxy import end_of_transaction
from publishing import Publishing, Running

from penstock.connectors.doubles import FaultySource, ListSource, Refused
from penstock.schemas.contract_quality import Quality, Range
from penstock.schemas.errors import RoleExit, UnavailableError
from penstock.schemas.reasons import Refusal
from penstock.streams import control as control_module
from penstock.streams import publisher as publisher_module
from penstock.streams import sources as sources_module
from penstock.streams import transaction as transaction_module
from penstock.streams.settings import Cluster
from penstock.streams.sources import SourcePositions
from penstock.streams.tail import Tail
from penstock.streams.transaction import TransactionAborted


def events(*numbers):
    return [{"id": f"e{one}", "at": "2026-06-01T00:00:00Z", "person": f"p{one}", "amount": one} for one in numbers]


class Hearing:
    """Remembers the states that it is told."""

    def __init__(self, said):
        self._said = said

    def state(self, *words):
        self._said.append(words)

    def __getattr__(self, _):
        return lambda *_: None


@pytest.fixture
def publishing_on(hands_on, closing, monkeypatch):
    """`publishing_on(cluster)`: a dataset in force there."""

    def make(cluster):
        hands = hands_on(cluster.bootstrap)
        for module, name in ((control_module, "CONTROL"), (publisher_module, "AUDIT"), (sources_module, "SOURCES")):
            monkeypatch.setattr(module, name, hands.topic())
        monkeypatch.setattr(publisher_module, "BATCH_RECORDS", 4)
        return Publishing(cluster, closing, clock=lambda: AT_MS)

    return make


@pytest.fixture
def publishing(publishing_on, cluster):
    return publishing_on(cluster)


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


@pytest.mark.parametrize("arrives", [True, False], ids=["arrives", "lost"])
def test_a_connection_that_breaks_at_the_commit_publishes_each_record_once(publishing_on, guarded, arrives):
    """Kafka gets what was on its way, or does not; whatever became of it, the source goes on behind it."""
    publishing = publishing_on(Cluster(guarded.broker.bootstrap))
    proxied = Cluster(guarded.bootstrap("PROXIED"))
    guarded.proxy.keep_first(end_of_transaction, cut=True)
    ended = []

    def published():
        if arrives and guarded.proxy.kept.is_set() and not ended:
            guarded.proxy.deliver()
            ended.append("the request arrived")
        return publishing.published() == list(range(6))

    for _ in range(3):  # a role that ends is started again
        source = ListSource(events(*range(6)))
        end = publishing.run(source, published, publishing.publisher(source, cluster=proxied))
        if end is None:
            break
        assert isinstance(end, RoleExit | UnavailableError)
    assert guarded.proxy.kept.is_set(), "no connection broke"
    assert publishing.published() == list(range(6))
    assert publishing.accounted() == (6, 0)
    assert publishing.position() == {"item": 6}


def test_a_position_behind_what_another_source_has_open_is_found(publishing, producer_of, monkeypatch):
    """Readers of committed records stop there: the source would publish everything after it once more."""
    items, reading = events(*range(4)), []
    first = ListSource(items)
    running = Running(publishing.publisher(first))
    running.wait(lambda: first.commits)
    to_end = Tail.to_end

    def observed(self):
        reading.append(self.topic)
        return to_end(self)

    monkeypatch.setattr(Tail, "to_end", observed)
    foreign = producer_of(f"{publishing.name}.foreign")
    with pytest.raises(ZeroDivisionError), foreign.transaction() as transaction:  # noqa: PT012 - what is in between
        transaction.produce(sources_module.SOURCES, b"open", key=b"another", partition=0)
        foreign._producer.flush(10)
        items.extend(events(*range(4, 8)))
        running.wait(lambda: first.commits[-1] == {"item": 8})
        running.end()
        second = ListSource([*items, *events(8)])
        running = Running(publishing.publisher(second))
        running.wait(lambda: reading.count(sources_module.SOURCES) > 1)
        raise ZeroDivisionError
    running.wait(lambda: second.commits)
    assert running.end() is None
    assert second.commits == [{"item": 9}]
    assert publishing.published() == list(range(9))


def test_what_a_source_reads_from_is_waited_for(publishing):
    class Away(ListSource):
        tries = 0

        def open(self, *words):
            self.tries += 1
            if self.tries == 1:
                raise UnavailableError("the MQTT broker cannot be reached")
            super().open(*words)

    said = []
    source = Away(events(1))
    publisher = publishing.publisher(source)
    publisher._bench = replace(publisher._bench, observer=Hearing(said))
    assert publishing.run(source, lambda: source.commits, publisher) is None
    assert said.index(("waiting", "the MQTT broker cannot be reached")) < said.index(("running", ""))


def test_while_a_batch_waits_what_is_put_in_force_is_heard_and_judges_it(publishing, monkeypatch):
    produce, tries, away = publisher_module.Publisher._produce, [], [1]

    def wait(self, *words):
        tries.append(1)
        if away:
            raise UnavailableError("a store is away")
        produce(self, *words)

    monkeypatch.setattr(publisher_module.Publisher, "_produce", wait)
    source = ListSource(events(1))
    publisher = publishing.publisher(source)
    running = Running(publisher)
    running.wait(lambda: tries)
    publishing.put_in_force(2, quality=(Quality("amount", Range(rule="range", minimum=10)),))
    running.wait(lambda: publisher.control.in_force().number == 2)
    away.clear()
    running.wait(lambda: source.commits)
    assert running.end() is None
    assert publishing.accounted() == (0, 1)


def test_a_source_ends_when_another_contract_than_it_was_made_from_is_in_force(publishing):
    """With its role: the next one reads by the new contract. What is only the publisher's affair changes in place."""
    items = events(1)
    source = ListSource(items)
    publisher = publishing.publisher(source, contract=publishing.contract)
    running = Running(publisher)
    running.wait(lambda: source.commits)
    publishing.put_in_force(2, duplicate_window="PT1H")
    items.extend(events(2))
    running.wait(lambda: len(source.commits) == 2)
    wider = [*publishing.contract.schema["fields"], {"name": "note", "type": ["null", "string"], "default": None}]
    publishing.put_in_force(3, schema={**publishing.contract.schema, "fields": wider})
    running.wait(lambda: False)
    ended = running.end()
    assert isinstance(ended, RoleExit)
    assert "the contract changed" in str(ended)
    assert source.commits == [{"item": 1}, {"item": 2}]


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
