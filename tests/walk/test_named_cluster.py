"""An ecosystem on a cluster that somebody else runs; there, transactions that are aborted and slots that are taken."""

import contextlib
import threading
from random import Random

import pytest
from ecosystem import PAYMENTS, cli, events, make, read_status, until
from judging import AuditTail, Generation, Stock, judge
from leaks import canary_events, found_in, in_segments
from oracle.documents import Documents

from penstock.ops.broker.embedded import EmbeddedBroker
from penstock.ops.clock import now_ms
from penstock.ops.metrics import ExchangeMetrics
from penstock.ops.wiring import Wiring
from penstock.streams.control import ControlReader
from penstock.streams.exchange import Exchange, Slot, World
from penstock.streams.transaction import Transaction, TransactionAborted

pytestmark = pytest.mark.broker

TOPIC = "ee-tax.income-payments.v1"


@pytest.fixture(scope="module")
def broker(kafka_installed, tmp_path_factory):
    """A cluster of its own: on the session's, others put documents in force too."""
    with EmbeddedBroker(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture(scope="module")
def ecosystem(broker, tmp_path_factory):
    made = make(tmp_path_factory.mktemp("named") / "eco")
    made.cluster = broker.bootstrap
    made.edit("ecosystem.yaml", "cluster: embedded", f"cluster:\n  bootstrap: {broker.bootstrap}")
    return made


@pytest.fixture(scope="module")
def delivered(ecosystem):
    """What `up --once` says of a first delivery."""
    ecosystem.feed(events(200, seed=31))
    return ecosystem.up_once()


@pytest.fixture(scope="module")
def publishing(ecosystem, delivered):
    """The gateway and the connectors, as roles of their own; the exchange is for the tests to start."""
    with (
        ecosystem.role("gateway") as gateway,
        ecosystem.role("connectors", "--source", "income-payments") as payments,
        ecosystem.role("connectors", "--source", "tax-residency") as residency,
    ):
        audit = AuditTail(ecosystem.client())
        yield audit
        assert (gateway.poll(), payments.poll(), residency.poll()) == (None, None, None)
        audit.close()


def test_it_uses_the_cluster_that_is_named_and_starts_none(ecosystem, broker, delivered):
    assert delivered.code == 0, delivered.err
    assert delivered.json["events"]["published"] == 200
    assert not (ecosystem.run / "broker.json").exists()
    assert not (ecosystem.directory / ".penstock" / "broker").exists()
    assert {TOPIC, "view.ee-fi-income", "penstock.control"} <= set(topics(broker))


def test_it_takes_no_unsigned_documents(ecosystem, tmp_path):
    other = make(tmp_path / "eco")
    other.edit("ecosystem.yaml", "cluster: embedded", f"cluster:\n  bootstrap: {ecosystem.bootstrap}")
    (other.directory / "agreements" / "ee-fi-income.signatures.yaml").unlink()
    done = cli("up", str(other.directory), "--once", "--unsigned")
    assert done.code == 5
    assert "ee-fi-income" in done.err


def test_a_missing_environment_variable_is_named(tmp_path, monkeypatch):
    monkeypatch.delenv("WALK_PASSWORD", raising=False)
    monkeypatch.setenv("WALK_USER", "walk")
    other = make(tmp_path / "eco")
    other.edit(
        "ecosystem.yaml",
        "cluster: embedded",
        """cluster:
  bootstrap: 127.0.0.1:9
  security:
    protocol: SASL_PLAINTEXT
    mechanism: PLAIN
    username_env: WALK_USER
    password_env: WALK_PASSWORD""",
    )
    for words in (("up", "--once"), ("apply",)):
        done = cli(words[0], str(other.directory), *words[1:])
        assert done.code == 3, done.err
        assert "WALK_PASSWORD" in done.err
    assert other.pids() == {}


def test_a_second_process_in_a_slot_fences_the_first(ecosystem, publishing):
    words = ("exchange", "--dataset", PAYMENTS)
    status = ecosystem.run / f"exchange-{PAYMENTS}-0.json"
    with ecosystem.role(*words) as first:
        until(lambda: serves(status, first), "the first serves")
        with ecosystem.role(*words) as second:
            assert first.wait(30) == 6
            before = publishing.processed(PAYMENTS)
            ecosystem.feed([one for one in events(100, seed=32) if one[0] == PAYMENTS])
            until(lambda: publishing.processed(PAYMENTS) == before + 80, "the second serves")
            assert second.poll() is None


def serves(status, process):
    facts = read_status(status) or {}
    assert process.poll() is None
    return facts.get("pid") == process.pid


def test_an_aborted_transaction_leaves_nothing_to_committed_readers(ecosystem, broker, publishing, monkeypatch):
    """Everything of the first attempt has reached the broker when it is aborted; the second is the one that counts."""
    marked, canaries = canary_events(events(40, seed=33), Random(4))
    seen = {}
    send_offsets = Transaction.send_offsets

    def abort_once(transaction, positions, metadata):
        if not seen:
            assert transaction._producer.flush(20) == 0
            seen.update(committed=count(broker, committed=True), written=count(broker, committed=False))
            raise TransactionAborted("the test says so")
        send_offsets(transaction, positions, metadata)

    monkeypatch.setattr(Transaction, "send_offsets", abort_once)
    before = count(broker, committed=True)
    number = publishing.processed(PAYMENTS)
    ecosystem.feed([one for one in marked if one[0] == PAYMENTS])
    with exchanging(ecosystem, PAYMENTS):
        until(lambda: publishing.processed(PAYMENTS) == number + 32, "the batch was done again")
    assert seen["committed"] == before
    assert seen["written"] > before
    after, written = count(broker, committed=True), count(broker, committed=False)
    assert written == after + seen["written"] - before
    generation = Generation(Documents(ecosystem.directory))
    with exchanging(ecosystem, "tax-residency"):
        until(lambda: publishing.processed() == len(ecosystem.fed), "the rest was done")
    assert judge(ecosystem, {1: generation}).problems == []
    own = [one for one in topics(broker) if not one.startswith(("ee-tax.", "fi-tax."))]
    assert found_in(in_segments(broker.log_dirs, own), canaries) == []


def count(broker, *, committed):
    """Return how many records of a view there are."""
    with Stock({"bootstrap.servers": broker.bootstrap}, committed=committed) as stock:
        return sum(len(one) for one in stock.read("view.ee-fi-income").values())


def topics(broker):
    with Stock({"bootstrap.servers": broker.bootstrap}) as stock:
        return stock.topics()


@contextlib.contextmanager
def exchanging(ecosystem, dataset):
    """Run an exchange slot in this process."""
    wiring, stop, failed = Wiring(ecosystem.directory), threading.Event(), []
    control = ControlReader(wiring.cluster())
    control.catch_up()
    world = World(wiring.cluster(), wiring.key_store(), wiring.registry(), ExchangeMetrics(dataset), now_ms)
    exchange = Exchange(Slot(wiring.ecosystem.id, dataset, 0), world, control)

    def serve():
        try:
            exchange.run(stop)
        except Exception as failure:  # noqa: BLE001 - told to the test
            failed.append(failure)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        exchange.close()
        control.close()
    assert failed == []
