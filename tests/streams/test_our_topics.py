"""What our own topics say: generations, consents, source positions, the audit log's totals."""

import copy
import itertools
import time
import uuid
from threading import Event, Timer

import pytest
from generations import SAFEGUARDS, generation_of
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.schemas.audit import Counts, ExchangeAudit, InputRange, PublisherAudit
from penstock.schemas.consent import ConsentRecord
from penstock.schemas.errors import ConfigurationError, DocumentError, RoleExit
from penstock.schemas.generation import content_digest, from_record, to_record
from penstock.schemas.ports import SourceRecord
from penstock.schemas.versioned import pack, unpack
from penstock.streams import consents, control, sources, totals
from penstock.streams.consents import ConsentReader, ConsentWriter
from penstock.streams.control import ControlReader, ControlWriter, differs, read_generation
from penstock.streams.sources import SourcePositions, mark
from penstock.streams.tail import Entry
from penstock.streams.totals import AgreementTotals, DatasetTotals, Totals

CANARY = "a-value-of-a-document"


@pytest.fixture
def own(hands, monkeypatch):
    """`own(module, name)`: a topic of the test's own in place of one of ours, which others use too."""

    def replace(module, name):
        topic = hands.topic()
        monkeypatch.setattr(module, name, topic)
        return topic

    return replace


def soon(holds):
    """A commit is answered before it can be read; law 7 gives it a second."""
    deadline = time.monotonic() + 10
    while not (found := holds()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found


# --- generations ---


SAFE = st.sampled_from(
    [
        {"do": "omit"},
        {"do": "encrypt"},
        {"do": "pass", "reason": "naïve ☃ \u2028"},
        {"do": "generalise", "to": "bucket", "size": 2.5},
        {"do": "noise", "epsilon": 0.1, "sensitivity": 10, "clamp": [-1, 1e6], "step": 1},
    ]
)
GENERATIONS = st.builds(
    generation_of,
    st.integers(1, 2**31),
    status=st.sampled_from(["in_force", "suspended", "terminated"]),
    safeguards=SAFE.map(lambda one: {**SAFEGUARDS, "amount": one}),
    title=st.text(min_size=1, max_size=20).map(lambda text: f"t{text}"),
    places=st.sampled_from([("FI",), ("FI", "EE")]),
)


@settings(max_examples=60, deadline=None)
@given(GENERATIONS)
def test_a_generation_comes_back_as_it_was(generation):
    packed = pack(to_record(generation))
    again = from_record(unpack(packed))
    assert again == generation
    assert pack(to_record(again)) == packed
    assert content_digest(again) == content_digest(generation)
    assert not differs(generation, again)
    assert differs(generation, None)


def nodes(value, path=()):
    """Every place in a JSON value."""
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from nodes(child, (*path, key))


RECORD = unpack(pack(to_record(generation_of(title=CANARY))))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(list(nodes(RECORD))), st.sampled_from([None, True, 0, -1.5, CANARY, [], [1], {}, {"a": 1}]))
def test_a_damaged_generation_is_refused_or_means_what_it_says(path, value):
    damaged = copy.deepcopy(RECORD)
    if path:
        *way, last = path
        inner = damaged
        for step in way:
            inner = inner[step]
        inner[last] = value
    else:
        damaged = value
    refused = None
    try:
        read = read_generation(Entry(5, None, pack(damaged), 0))
        assert isinstance(read.number, int)
        assert all(one.signed in (True, False) for one in read.agreements.values())
    except DocumentError as error:
        refused = error
    if refused is not None:
        assert refused.place.endswith("/0/5")
        assert CANARY not in str(refused)
        assert refused.__suppress_context__


@pytest.mark.parametrize(
    "value",
    [None, b"", b"\x01", b"\x02{}", b"\x01[]", b'\x01"x"', b"\x01" + b"[" * 100_000, pack({"kind": "suspension"})],
)
def test_what_is_no_generation_is_refused(value):
    with pytest.raises(DocumentError):
        read_generation(Entry(0, None, value, 0))


def test_a_damaged_control_record_stops_whoever_follows(cluster, own, hands, closing):
    topic = own(control, "CONTROL")
    reader = closing(ControlReader(cluster))
    assert reader.catch_up() is None
    hands.produce(topic, pack(to_record(generation_of(1))), key=b"generation")
    assert reader.catch_up().number == 1
    hands.produce(topic, b"\x02", key=b"generation")
    with pytest.raises(DocumentError):
        soon(lambda: reader.poll(0.5))
    with pytest.raises(DocumentError):
        closing(ControlReader(cluster)).catch_up()


@pytest.mark.alone
def test_what_is_applied_is_seen_by_who_follows(cluster, own, closing):
    own(control, "CONTROL")
    ecosystem = uuid.uuid4().hex
    writer, reader = closing(ControlWriter(cluster, ecosystem)), closing(ControlReader(cluster))
    assert writer.current() is None
    with pytest.raises(ConfigurationError, match="penstock apply"):
        reader.in_force()
    assert reader.catch_up() is None
    first, second = generation_of(1), generation_of(2, status="suspended")
    writer.write(first)
    assert soon(lambda: reader.poll(0.5)) == first == reader.in_force()
    assert reader.poll() is None
    started = time.monotonic()
    writer.write(second)
    assert soon(reader.poll) == second
    assert time.monotonic() - started < 1
    assert differs(second, first)
    assert not differs(generation_of(9), first)
    assert writer.current() == second == closing(ControlReader(cluster)).catch_up()


def test_a_second_writer_fences_the_first_and_knows_what_it_wrote(cluster, own, closing):
    own(control, "CONTROL")
    ecosystem = uuid.uuid4().hex
    first = closing(ControlWriter(cluster, ecosystem))
    first.write(generation_of(1))
    second = closing(ControlWriter(cluster, ecosystem))
    assert second.current() == generation_of(1)
    with pytest.raises(RoleExit):
        first.write(generation_of(2, status="terminated"))
    second.write(generation_of(2))
    assert closing(ControlWriter(cluster, ecosystem)).current() == generation_of(2)


def test_waiting_for_a_dataset_ends_with_it_or_with_the_role(cluster, own, hands, closing):
    topic = own(control, "CONTROL")
    hands.produce(topic, pack(to_record(generation_of(1, dataset="other"))))
    stop = Event()
    reader = closing(ControlReader(cluster))
    Timer(0.5, stop.set).start()
    assert not reader.wait_for("income", stop)
    Timer(0.5, hands.produce, (topic, pack(to_record(generation_of(2))))).start()
    assert reader.wait_for("income", Event())
    assert reader.in_force().number == 2


# --- consents ---


def test_the_last_word_on_a_consent_stands(cluster, own, closing):
    own(consents, "CONSENTS")
    writer, reader = closing(ConsentWriter(cluster, uuid.uuid4().hex)), closing(ConsentReader(cluster))
    reader.catch_up()
    assert (reader.given, reader.offset) == ({}, -1)
    anna, bela = b"a" * 16, b"b" * 16
    say = lambda subject, given, to="ee-fi": ConsentRecord(to, subject, given, 5)  # noqa: E731
    writer.write([say(anna, True), say(bela, True), say(anna, True, "other"), say(bela, False)])
    soon(lambda: reader.poll(0.2) or reader.given)
    assert reader.given == {"ee-fi": frozenset({anna}), "other": frozenset({anna})}
    assert reader.offset == 3
    before = reader.given["ee-fi"]
    writer.write([say(anna, False), say(bela, True)])
    soon(lambda: reader.poll(0.2) or reader.offset > 3)
    assert reader.given == {"ee-fi": frozenset({bela}), "other": frozenset({anna})}
    assert before == {anna}, "who holds the consents of a batch holds them to its end"
    assert reader.knows("ee-fi", anna)
    assert not reader.knows("other", bela)
    late = closing(ConsentReader(cluster))
    late.catch_up()
    assert (late.given, late.offset) == (reader.given, reader.offset)


NO_CONSENT = {"kind": "consent", "agreement": CANARY, "subject": "00", "given": True, "at_ms": 1}


def test_a_damaged_consent_stops_whoever_follows(cluster, own, hands, closing):
    """It could be a withdrawal."""
    topic = own(consents, "CONSENTS")
    hands.produce(topic, ConsentRecord("ee-fi", b"a" * 16, given=True, at_ms=1).to_value(), None)
    reader = closing(ConsentReader(cluster))
    with pytest.raises(DocumentError) as raised:
        reader.catch_up()
    assert raised.value.place == f"{topic}/0/1"
    for wrong in ({"subject": "no hex"}, {"agreement": [CANARY]}, {"given": 1}, {"kind": "other"}, {"at_ms": CANARY}):
        with pytest.raises(DocumentError) as raised:
            reader._take([Entry(7, None, pack({**NO_CONSENT, **wrong}), 0)])
        assert CANARY not in str(raised.value)
    reader._take([Entry(8, None, pack(NO_CONSENT), 0)])
    assert reader.given[CANARY] == {b"\0"}


# --- source positions ---


def test_a_position_is_committed_with_what_it_is_of(cluster, own, producer_of):
    own(sources, "SOURCES")
    producer = producer_of(uuid.uuid4().hex)
    records = [
        SourceRecord({"file": "a", "row": 1}, "a:1", {}, finishes=None),
        SourceRecord({"file": "a", "row": 2}, "a:2", {}, finishes="hash-of-a"),
        SourceRecord({"file": "b", "row": 1}, "b:1", {}, finishes=None),
    ]
    nothing = SourcePositions(cluster, "payments")
    assert (nothing.position, nothing.finished("hash-of-a")) == (None, False)
    with producer.transaction() as transaction:
        mark(transaction, "payments", records)
        mark(transaction, "payments-2", records[:1])
    with pytest.raises(ValueError, match="aborted"), producer.transaction() as transaction:  # noqa: PT012
        mark(transaction, "payments", [SourceRecord({"file": "c"}, "c", {}, finishes="hash-of-c")])
        raise ValueError("aborted")
    held = soon(lambda: (one := SourcePositions(cluster, "payments")).position and one)
    assert held.position == {"file": "b", "row": 1}
    assert (held.finished("hash-of-a"), held.finished("hash-of-c")) == (True, False)
    other = SourcePositions(cluster, "payments-2")
    assert (other.position, other.finished("hash-of-a")) == ({"file": "a", "row": 1}, False)


def test_a_position_that_cannot_be_read_is_no_start_from_the_beginning(cluster, own, hands):
    topic = own(sources, "SOURCES")
    values = [None, b"\x02", pack([]), pack({"kind": "position"}), pack({"position": CANARY})]
    for number, value in enumerate(values):
        hands.produce(topic, value, key=b"payments-%d" % number)
    for number in range(len(values)):
        with pytest.raises(DocumentError, match="position") as raised:
            SourcePositions(cluster, f"payments-{number}")
        assert CANARY not in str(raised.value)
    assert SourcePositions(cluster, "payments").position is None


# --- totals ---


AUDITS = st.lists(
    st.one_of(
        st.builds(
            PublisherAudit,
            st.just("s"),
            st.sampled_from("ab"),
            st.just(1),
            st.integers(0, 9),
            st.integers(0, 9),
            st.integers(0, 9),
            st.dictionaries(st.sampled_from(["late", "future"]), st.integers(1, 9)),
            st.integers(0, 9),
        ),
        st.builds(
            ExchangeAudit,
            dataset=st.sampled_from("ab"),
            generation=st.just(1),
            consent_offset=st.just(-1),
            decided_at_ms=st.just(1),
            slot=st.just("s"),
            epoch=st.just(1),
            inputs=st.dictionaries(st.integers(0, 2), st.builds(InputRange, st.just(0), st.just(9), st.integers(0, 9))),
            agreements=st.dictionaries(
                st.sampled_from("xyz"),
                st.builds(
                    Counts,
                    st.integers(0, 9),
                    st.dictionaries(st.sampled_from(["predicate", "consent"]), st.integers(1, 9)),
                    st.integers(0, 9),
                ),
            ),
            refused=st.integers(0, 9),
            unclassified=st.dictionaries(st.sampled_from(["a.x", "b"]), st.integers(0, 9)),
        ),
    ),
    max_size=8,
)
FOREIGN = [
    None, b"", b"\x02{}", pack([]), pack("publisher"), pack({"kind": ["publisher"]}), pack({"kind": "checkpoint"}),
    pack({"kind": "publisher", "dataset": "a", "published": 3}),
    pack({"kind": "publisher", "dataset": ["a"], "published": 3, "quarantined": 3}),
    pack({"kind": "publisher", "dataset": "a", "published": 3, "quarantined": 3, "duplicates": "many"}),
    pack({"kind": "publisher", "dataset": "a", "published": 3, "quarantined": 3, "flagged": {"late": None}}),
    pack({"kind": "exchange", "dataset": "a", "inputs": {"0": [0, 9, 9]}, "agreements": {"x": {}}, "refused": 9}),
    pack({"kind": "exchange", "dataset": "a", "inputs": {}, "agreements": {}, "refused": 9, "unclassified": 3}),
]  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(AUDITS, st.lists(st.sampled_from(FOREIGN), max_size=4), st.randoms(use_true_random=False))
def test_totals_are_the_sums_of_what_was_written_and_foreign_records_are_skipped(audits, foreign, random):
    values = [*(pack(one.to_record()) for one in audits), *foreign]
    random.shuffle(values)
    counted = Totals.__new__(Totals)
    counted.datasets, counted.agreements = {}, {}
    for value in values:
        counted._take(value)
    published = [one for one in audits if isinstance(one, PublisherAudit)]
    exchanged = [one for one in audits if isinstance(one, ExchangeAudit)]
    assert counted.datasets.keys() == {one.dataset for one in audits}
    for dataset, held in counted.datasets.items():
        mine = [one for one in exchanged if one.dataset == dataset]
        theirs = [one for one in published if one.dataset == dataset]
        views = list(itertools.chain.from_iterable(one.agreements.values() for one in mine))
        assert held == DatasetTotals(
            published=sum(one.published for one in theirs),
            processed=sum(span.records for one in mine for span in one.inputs.values()),
            quarantined=sum(one.quarantined for one in (*theirs, *views)) + sum(one.refused for one in mine),
            duplicates=sum(one.duplicates for one in theirs),
            unclassified=sum(one.unclassified for one in theirs) + sum(sum(one.unclassified.values()) for one in mine),
            flagged={
                flag: total for flag in ("late", "future") if (total := sum(one.flagged.get(flag, 0) for one in theirs))
            },
        )
    for key, held in counted.agreements.items():
        mine = [one.agreements[key] for one in exchanged if key in one.agreements]
        assert held.delivered == sum(one.released for one in mine)
        assert held.quarantined == sum(one.quarantined for one in mine)
        assert held.withheld == {
            reason: total
            for reason in ("predicate", "consent")
            if (total := sum(one.withheld.get(reason, 0) for one in mine))
        }
    assert counted.agreements.keys() == {key for one in exchanged for key in one.agreements}


def test_totals_follow_the_log_and_count_what_is_committed_once(cluster, own, hands, closing):
    topic = own(totals, "AUDIT")
    record = pack(PublisherAudit("s", "income", 1, published=3, quarantined=1).to_record())
    hands.produce(topic, record, b"foreign", commit=True)
    hands.produce(topic, record, commit=False)
    followed = closing(Totals(cluster))
    soon(lambda: followed.catch_up() or followed.datasets)
    assert followed.datasets == {"income": DatasetTotals(published=3, quarantined=1)}
    hands.produce(topic, record)
    soon(lambda: followed.poll() or followed.datasets["income"].published > 3)
    followed.catch_up()
    assert followed.datasets == {"income": DatasetTotals(published=6, quarantined=2)}
    assert AgreementTotals() not in followed.agreements.values()
