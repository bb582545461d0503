"""Records that are sent again, on a real broker: within a batch, over batches, restarts, aborts and sources."""

import itertools
import threading

import pytest
from generations import SCHEMA
from hypothesis import given
from hypothesis import strategies as st
from publishing import Publishing, Running, now_ms

from penstock.connectors.doubles import ListSource
from penstock.schemas.contract_quality import Late, Quality, Range
from penstock.schemas.errors import UnavailableError
from penstock.schemas.ports import Verdict
from penstock.streams import control as control_module
from penstock.streams import published as published_module
from penstock.streams import publisher as publisher_module
from penstock.streams import sources as sources_module
from penstock.streams.published import _last, _Reading
from penstock.streams.transaction import TransactionAborted

HOUR_MS = 3_600_000
COUNTS = ("published", "duplicates", "quarantined")
FLAGGED = {
    **SCHEMA,
    "fields": [*SCHEMA["fields"], {"name": "flags", "type": {"type": "array", "items": "string"}, "default": []}],
}
FLAGS = {
    "schema": FLAGGED,
    "quality": (
        Quality("", Late(rule="late", after="PT10M")),
        Quality("amount", Range(rule="range", maximum=4)),
    ),
    "quality_flags": "flags",
}


@pytest.fixture
def edge(cluster, hands, closing, monkeypatch):
    """`edge(**changes)`: publishing under a contract with a window of an hour."""
    for module, name in ((control_module, "CONTROL"), (publisher_module, "AUDIT"), (sources_module, "SOURCES")):
        monkeypatch.setattr(module, name, hands.topic())
    monkeypatch.setattr(publisher_module, "BATCH_RECORDS", 4)
    return lambda **changes: Publishing(cluster, closing, **{"duplicate_window": "PT1H", **changes})


def event(number, amount=None):
    at = "2026-06-01T00:00:00Z"
    return {"id": f"e{number}", "at": at, "person": f"p{number}", "amount": number if amount is None else amount}


def events(*numbers):
    return [event(one) for one in numbers]


def publish(publishing, items, source=None):
    """Publish the items behind the last position, to their end."""
    source = source or ListSource(items)
    assert publishing.run(source, lambda: source.commits and source.commits[-1] == {"item": len(items)}) is None


def test_what_is_sent_again_is_counted_and_discarded_within_a_batch_and_over_batches(edge):
    publishing = edge()
    publish(publishing, events(1, 2, 1, 1, 3, 2, 4, 1))
    assert publishing.published() == [1, 2, 3, 4]
    assert publishing.accounted(*COUNTS) == (4, 4, 0)


def test_a_batch_of_nothing_else_moves_the_position_and_is_accounted_for(edge):
    publishing = edge()
    publish(publishing, [*events(1, 2, 3, 4), *events(4, 3, 2, 1)])
    assert publishing.published() == [1, 2, 3, 4]
    assert publishing.position() == {"item": 8}
    assert [(one["published"], one.get("duplicates", 0)) for one in publishing.audits()] == [(4, 0), (0, 4)]


def test_another_record_under_a_known_id_is_quarantined(edge, hands):
    publishing = edge()
    publish(publishing, [event(1), event(2), event(1, 7), event(3), event(2, 8), event(2)])
    assert publishing.published() == [1, 2, 3]
    assert publishing.accounted(*COUNTS) == (3, 1, 2)
    assert len(hands.read(publishing.quarantine, 2)) == 2


def test_a_restart_knows_what_was_published(edge):
    publishing = edge()
    items = events(*range(6))
    publish(publishing, items)
    items = [*items, *events(5, 0, 9), event(2, 7)]
    publish(publishing, items)
    assert publishing.published() == [0, 1, 2, 3, 4, 5, 9]
    assert publishing.accounted(*COUNTS) == (7, 2, 1)


def test_a_restart_knows_what_other_sources_published(edge):
    publishing = edge()
    other = ListSource(events(1, 2))
    assert publishing.run(other, lambda: other.commits, publishing.publisher(other, "other")) is None
    publish(publishing, [event(1), event(2, 7), event(3)])
    assert publishing.published() == [1, 2, 3]
    assert publishing.accounted(*COUNTS) == (3, 1, 1)


def test_what_was_never_committed_is_not_known(edge, monkeypatch):
    """The first run is stopped while its batch is aborted again and again; its records lie on the topic, aborted."""
    publishing = edge()
    produce, aborted = publisher_module.Publisher._produce, []

    def stumble(self, *words):
        produce(self, *words)
        aborted.append(1)
        raise TransactionAborted("scripted")

    with monkeypatch.context() as patched:
        patched.setattr(publisher_module.Publisher, "_produce", stumble)
        assert publishing.run(ListSource(events(1, 2)), lambda: len(aborted) > 1) is None
    publish(publishing, [event(1, 7), event(2, 8)])
    assert publishing.published() == [7, 8]
    assert publishing.accounted(*COUNTS) == (2, 0, 0)


def test_an_aborted_attempt_is_no_reason_to_discard_its_own_records(edge, monkeypatch):
    publishing = edge()
    produce, failures = publisher_module.Publisher._produce, iter([1, 1])

    def stumble(self, *words):
        produce(self, *words)
        for _ in failures:
            raise TransactionAborted("scripted")

    monkeypatch.setattr(publisher_module.Publisher, "_produce", stumble)
    publish(publishing, events(1, 2, 1, 3, 3))
    assert publishing.published() == [1, 2, 3]
    assert publishing.accounted(*COUNTS) == (3, 2, 0)


def test_after_the_window_an_id_is_free_again_in_a_process_and_after_a_restart(edge):
    publishing = edge()
    items = events(1, 2)
    source = ListSource(items)

    def steps():
        yield lambda: len(source.commits) == 1
        publishing.clock = lambda: now_ms() + HOUR_MS - 60_000
        items.append(event(1))
        yield lambda: len(source.commits) == 2
        publishing.clock = lambda: now_ms() + HOUR_MS
        items.append(event(1))
        yield lambda: len(source.commits) == 3

    assert publishing.run(source, in_turn(steps())) is None
    assert publishing.published() == [1, 1, 2]
    # The broker's clock says of all of them that they were appended an hour before.
    publish(publishing, [*items, *events(2, 2, 1)])
    assert publishing.published() == [1, 1, 1, 2, 2]
    assert publishing.accounted(*COUNTS) == (5, 2, 0)


def in_turn(conditions):
    """A condition that holds when each of `conditions` held, one after the other."""
    waiting = [next(conditions)]

    def held():
        while waiting and waiting[0]():
            waiting[:] = itertools.islice(conditions, 1)
        return not waiting

    return held


def test_a_window_that_a_later_contract_states_knows_what_was_published_before(edge):
    publishing = edge(duplicate_window=None)
    items = events(1, 2)
    source = ListSource(items)

    def steps():
        yield lambda: len(source.commits) == 1
        publishing.put_in_force(2, duplicate_window="PT1H")
        yield lambda: len(reads) == 1
        items.extend([event(1), event(2, 7), event(3)])
        yield lambda: len(source.commits) == 2

    reads = []
    read_back = published_module.Published._read_back
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(
            published_module.Published, "_read_back", lambda *words: (reads.append(1), read_back(*words))[1]
        )
        assert publishing.run(source, in_turn(steps())) is None
    assert publishing.published() == [1, 2, 3]
    assert publishing.accounted(*COUNTS) == (3, 1, 1)


def test_flags_do_not_disturb_the_comparison(edge):
    """A reading that was late when it came, and one that was not late when it came first."""
    publishing = edge(**FLAGS)
    moment = now_ms()
    publishing.clock = lambda: moment
    early = {**event(1), "at": moment - 60_000}
    late = {**event(5), "at": moment - 20 * 60_000}
    items = [early, late, early, {**late, "flags": ["the source says so"]}]
    publish(publishing, items)
    assert {one["id"]: one["flags"] for one in publishing.events()} == {"e1": [], "e5": ["late", "range:amount"]}
    publishing.clock = lambda: moment + 15 * 60_000
    publish(publishing, [*items, early, late])
    assert len(publishing.events()) == 2
    assert publishing.accounted(*COUNTS) == (2, 4, 0)
    assert publishing.audits()[0]["flagged"] == {"late": 1, "range:amount": 1}
    assert "flagged" not in publishing.audits()[1]


class Asked(ListSource):
    """A source whose senders wait for an answer."""

    def __init__(self, items):
        super().__init__(items)
        self.heard = []

    def decided(self, verdicts):
        self.heard.append(list(verdicts))
        if len(self.heard) == 1:
            raise UnavailableError("the receipts' store does not answer")

    def committed(self, position):
        self.heard.append(position)
        super().committed(position)


def test_senders_that_wait_are_told_before_each_attempt_and_after_the_commit(edge, monkeypatch):
    """The first attempt ends before it began, the second is aborted."""
    publishing = edge()
    produce, failures = publisher_module.Publisher._produce, iter([1])

    def stumble(self, *words):
        produce(self, *words)
        for _ in failures:
            raise TransactionAborted("scripted")

    monkeypatch.setattr(publisher_module.Publisher, "_produce", stumble)
    monkeypatch.setattr(publisher_module, "RETRY_S", 0.05)
    source = Asked([event(1), event(1), event(1, 7), {"id": "e2"}])
    publish(publishing, source._items, source)
    said = [
        Verdict("published"),
        Verdict("duplicate"),
        Verdict("quarantined", "duplicate", "another record was published under this id"),
        Verdict("quarantined", "columns", "field `at` wants a value, and there is none"),
    ]
    assert source.heard == [said, said, said, {"item": 4}]
    assert publishing.published() == [1]


def test_what_another_source_has_open_hides_nothing(edge, producer_of, monkeypatch):
    """Readers of committed records stop before an open transaction: behind it lies what this source published."""
    publishing = edge()
    items = events(0)
    foreign = producer_of(f"{publishing.name}.foreign")
    reading, begun = _Reading._to, []

    def observed(*words):
        begun.append(1)
        yield from reading(*words)

    monkeypatch.setattr(_Reading, "_to", observed)
    first = ListSource(items)
    running = Running(publishing.publisher(first))
    running.wait(lambda: first.commits)
    with pytest.raises(ZeroDivisionError), foreign.transaction() as transaction:  # noqa: PT012 - what is in between
        for partition in range(3):
            transaction.produce(publishing.topic, b"open", partition=partition)
        foreign._producer.flush(10)
        items.extend(events(*range(1, 6)))
        running.wait(lambda: first.commits[-1] == {"item": 6})
        running.end()
        second = ListSource([*items, *items])
        running = Running(publishing.publisher(second))
        running.wait(lambda: len(begun) == 2)
        raise ZeroDivisionError
    running.wait(lambda: second.commits and second.commits[-1] == {"item": 12})
    assert running.end() is None
    assert publishing.published() == list(range(6))
    assert publishing.accounted(*COUNTS) == (6, 6, 0)


def test_no_more_is_read_back_than_a_window_holds(edge):
    publishing = edge()
    publish(publishing, events(*range(12)))
    since = now_ms() - HOUR_MS
    for most, wanted in ((100, range(12, 13)), (5, range(1, 6))):
        reading = _Reading(publishing.cluster, publishing.topic)
        found = list(reading.since(since, most, threading.Event()))
        reading.close()
        assert len(found) in wanted


def test_a_topic_that_is_not_there_is_named(cluster):
    reading = _Reading(cluster, "ee.nowhere.v1")
    with pytest.raises(UnavailableError, match=r"ee\.nowhere\.v1: the topic cannot be read .* penstock apply DIR"):
        list(reading.since(0, 1, threading.Event()))
    reading.close()


@given(st.dictionaries(st.integers(0, 9), st.tuples(st.integers(0, 1000), st.integers(1, 1000))), st.integers(0, 2000))
def test_each_partition_keeps_its_share_of_what_is_read_back(spans, most):
    starts = {one: start for one, (start, _) in spans.items()}
    ends = {one: start + count for one, (start, count) in spans.items()}
    kept = _last(starts, ends, most)
    assert kept.keys() == starts.keys()
    assert all(starts[one] <= kept[one] <= ends[one] for one in starts)
    total = sum(ends[one] - kept[one] for one in starts)
    everything = sum(ends[one] - starts[one] for one in starts)
    assert total == everything if everything <= most else most - len(starts) < total <= most
