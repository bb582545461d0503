"""Rights that come and go: suspended, resumed, terminated, expired, revoked, drifted; open connections included."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from access_world import LET_IN, NOT_LET_IN, AccessWorld, Caller
from confluent_kafka import Consumer, Producer, TopicPartition
from ecosystem import cli, until

from penstock.ops.access import credentials
from penstock.ops.access.keeper import AccessKeeper
from penstock.ops.access.syncing import Lapses, sync
from penstock.ops.in_force import generation_or_none
from penstock.ops.key_client import GatewayClient
from penstock.ops.recipient import open_view
from penstock.processors.access_drift import Drift
from penstock.schemas.access import Rule
from penstock.schemas.confluent_wire import frame
from penstock.schemas.errors import ConfigurationError, RecordError, RefusedError
from penstock.schemas.reasons import Refusal
from penstock.streams.reader import TopicReader
from penstock.streams.tail import Tail
from penstock.streams.topics import CONTROL

pytestmark = pytest.mark.broker

AGREEMENT, RECIPIENT = "ee-fi-income", "fi-tax"
VIEW = f"view.{AGREEMENT}"
WITHIN_S = 1.0
DAY_MS = 86_400_000


class OpenReader:
    """A recipient's consumer that was opened while it might, and reads from the beginning again and again.

    `read_at` is when it last had a record, in seconds.
    """

    def __init__(self, world: AccessWorld, agreement: str = AGREEMENT, member: str = RECIPIENT) -> None:
        # After a refusal the client asks again only when ten times the back-off has passed.
        own = {"group.id": f"{member}.open", "fetch.wait.max.ms": 20, "fetch.error.backoff.ms": 10}
        self._view = f"view.{agreement}"
        self.read_at = 0.0
        self._consumer = Consumer({**world.settings(f"member.{member}"), **own})
        self._consumer.assign([TopicPartition(self._view, 0, 0)])

    def reads(self) -> bool:
        """Say whether a retained record is to be had; False when Kafka says no."""
        self._consumer.seek(TopicPartition(self._view, 0, 0))
        return until(self._heard, "neither a record nor a refusal", 20) == "record"

    def _heard(self) -> str:
        message = self._consumer.poll(0.2)
        if message is None:
            # The client tells of a refused fetch once, and of none at all when a seek came before the answer.
            error = self._consumer.list_topics(self._view, timeout=20).topics[self._view].error
        elif message.error() is None:
            self.read_at = time.time()
            return "record"
        else:
            error = message.error()
        return "refused" if error is not None and error.name() == "TOPIC_AUTHORIZATION_FAILED" else ""

    def close(self) -> None:
        self._consumer.close()


def retain(world: AccessWorld, view: str, value: bytes = b"retained") -> None:
    """Leave a record on a view."""
    producer = Producer(world.settings("operator"))
    producer.produce(view, value, partition=0)
    assert producer.flush(20) == 0


@pytest.fixture
def retained(world: AccessWorld) -> None:
    """A record lies on the view."""
    retain(world, VIEW)


@pytest.fixture
def opened(world: AccessWorld, retained: None) -> Iterator[OpenReader]:
    reader = OpenReader(world)
    until(reader.reads, "it may read and does not", 20)
    yield reader
    reader.close()


def change(world: AccessWorld, word: str, agreement: str = AGREEMENT) -> None:
    done = world.ecosystem.cli("agreements", word, agreement)
    assert done.code == 0, done.err
    world.__dict__.pop("generation", None)
    (world.suspended.add if word == "suspend" else world.suspended.discard)(agreement)


@pytest.fixture(autouse=True)
def _goes_on(world: AccessWorld) -> Iterator[None]:
    """What a test suspended goes on for the next one, also when the test failed."""
    yield
    for agreement in sorted(world.suspended):
        change(world, "resume", agreement)


def written_at(world: AccessWorld) -> float:
    """Return when the newest control record was written, in seconds."""
    tail = Tail(world.wiring.cluster(), CONTROL)
    newest = list(tail.to_end())[-1]
    tail.close()
    return newest.appended_ms / 1000


def may_read(world: AccessWorld, agreement: str = AGREEMENT, member: str = RECIPIENT) -> bool:
    """Say whether a connection that the recipient opens now is let to the view."""
    found = Caller(world.settings(f"member.{member}")).attempt(topics=[f"view.{agreement}"], groups=[], transactions=[])
    return found["read", f"view.{agreement}"] == LET_IN


def read_for(world: AccessWorld, opened: OpenReader, end: Callable[[], None]) -> float:
    """Read until refused while `end` writes a control record; return the seconds from that to the last record read."""

    def read_on() -> None:
        while opened.reads():
            pass

    reading = threading.Thread(target=read_on)
    reading.start()
    end()
    reading.join()
    return opened.read_at - written_at(world)


@pytest.mark.alone
def test_suspended_it_cannot_read_what_is_retained_and_resumed_it_can(world: AccessWorld, opened: OpenReader) -> None:
    """Nor over a connection that is open, from a second after the control record on (law 7)."""
    assert read_for(world, opened, lambda: change(world, "suspend")) <= WITHIN_S
    assert not may_read(world)
    change(world, "resume")
    assert may_read(world)
    until(opened.reads, "it may read again and does not", 20)


@pytest.mark.alone
def test_terminated_it_can_never_read_again_what_is_retained(world: AccessWorld) -> None:
    """Nor over a connection that is open. Its exchange can write there no more, either; other agreements go on."""
    other, member = "ee-stat-wages", "ee-stat"
    retain(world, f"view.{other}")
    assert may_read(world, other, member)
    with contextlib.closing(OpenReader(world, other, member)) as opened:
        until(opened.reads, "it may read and does not", 20)
        world.terminated.add(other)
        assert read_for(world, opened, lambda: change(world, "terminate", other)) <= WITHIN_S
        assert not opened.reads()
    assert not may_read(world, other, member)
    assert may_read(world)
    assert [rule for rule in world.admin.rules() if rule.name == f"view.{other}"] == []
    world.apply()
    assert not may_read(world, other, member)
    (planned,) = [one for one in world.plan() if one["id"] == other]
    assert planned["kind"] == "over"


def test_what_was_left_half_done_is_done_by_the_same_command_again(world: AccessWorld) -> None:
    """As after a command that was killed between its control record and what it takes on Kafka."""
    change(world, "suspend")
    rule = Rule(f"member.{RECIPIENT}", "READ", "topic", VIEW)
    world.admin.add([rule])
    change(world, "suspend")
    assert rule not in world.admin.rules()
    change(world, "resume")
    world.admin.drop([rule])
    change(world, "resume")
    assert rule in world.admin.rules()


def test_what_a_change_ends_is_taken_before_kafka_is_looked_at(
    world: AccessWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or the second would also be that of whatever is slow to answer."""
    rule, found = Rule(f"member.{RECIPIENT}", "READ", "topic", VIEW), []
    settle = AccessKeeper.settle

    def look(keeper: AccessKeeper, *words: Any) -> Drift:
        found.append(rule in world.admin.rules())
        return settle(keeper, *words)

    assert rule in world.admin.rules()
    monkeypatch.setattr(AccessKeeper, "settle", look)
    change(world, "suspend")
    assert found == [False]


def test_a_suspension_that_comes_meanwhile_is_not_undone(world: AccessWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when somebody issues a credential, and knows what was in force a moment ago."""
    rule, before, ask = Rule(f"member.{RECIPIENT}", "READ", "topic", VIEW), world.generation, generation_or_none
    change(world, "suspend")
    known = [before]
    monkeypatch.setattr(credentials, "generation_or_none", lambda wiring: known.pop() if known else ask(wiring))
    credentials.issue(world.wiring, RECIPIENT, days=36_500)
    assert known == []
    assert rule not in world.admin.rules()
    change(world, "resume")
    assert rule in world.admin.rules()


def test_a_reader_whose_agreement_was_suspended_is_told_so_and_loses_no_record(world: AccessWorld) -> None:
    """Also while Kafka still lets it read, and the gateway tells it of none of its schemas."""
    token, gateway = world.wiring.tokens().issue(RECIPIENT), world.wiring.gateway_url()
    security = world.wiring.cluster(f"member.{RECIPIENT}").security

    def told() -> str:
        try:
            GatewayClient(gateway, token).agreement(AGREEMENT)
        except RefusedError as refused:
            return refused.message
        return ""

    with open_view(AGREEMENT, gateway=gateway, token=token, security=security, from_end=True) as view:
        assert list(view.to_end()) == []
        schema_id = world.generation.agreements[AGREEMENT].view_schema_id
        retain(world, VIEW, frame(schema_id, b"no record of it"))
        change(world, "suspend")
        until(told, "the gateway does not know of the suspension", 20)
        world.admin.add([Rule(f"member.{RECIPIENT}", "READ", "topic", VIEW)])
        with pytest.raises(RefusedError, match="no such agreement of yours is in force"):
            until(view.poll, "it says nothing", 20)
        change(world, "resume")
        until(lambda: not told(), "the gateway does not know that it goes on", 20)
        with pytest.raises(RecordError) as found:
            until(view.poll, "it says nothing", 20)
    assert found.value.reason is Refusal.AVRO


def test_an_agreement_past_its_validity_is_over_at_the_next_look(world: AccessWorld, opened: OpenReader) -> None:
    keeper = world.wiring.access()
    assert keeper is not None
    after = int(
        (world.generation.agreements[AGREEMENT].agreement.valid.until + timedelta(seconds=1)).timestamp() * 1000
    )
    keeper.reconcile(world.generation, after)
    until(lambda: not opened.reads(), "it still reads", 20)
    sync(world.wiring)
    until(opened.reads, "it may read again and does not", 20)


def test_a_rule_deleted_by_hand_is_missed_by_plan_and_laid_again_by_apply(world: AccessWorld) -> None:
    rule = Rule(f"member.{RECIPIENT}", "READ", "topic", VIEW)
    world.admin.drop([rule])
    assert not may_read(world)
    planned = [one for one in world.plan() if one["what"] == "access"]
    assert [(one["kind"], one["id"], one["message"].partition(":")[0]) for one in planned] == [
        ("drifted", rule.principal, str(rule))
    ]
    assert "as it wants them again" in cli("apply", str(world.ecosystem.directory), "--unsigned").out
    assert [one for one in world.plan() if one["what"] == "access"] == []
    assert may_read(world)


def test_a_user_that_nothing_wants_is_dropped_and_strangers_are_left_alone(world: AccessWorld) -> None:
    stranger = Rule("monitoring", "DESCRIBE", "topic", VIEW)
    for user in ("member.gone", "exchange.gone", "monitoring"):
        world.admin.set_password(user, "x" * 32)
    world.admin.add([stranger])
    found = world.ecosystem.directory
    said = cli("access", "sync", str(found), "--json").json
    assert sorted(one["principal"] for one in said) == ["exchange.gone", "member.gone"]
    assert {"monitoring", "operator", "broker"} <= world.admin.users()
    assert not {"member.gone", "exchange.gone"} & world.admin.users()
    assert stranger in world.admin.rules()
    assert cli("access", "sync", str(found)).out.strip() == "nothing changes"
    world.admin.drop([stranger])
    world.admin.drop_users(["monitoring"])


class TestCredentials:
    """Of a member: shown once, replaced by a new one, good for a time, ended for connections that are open."""

    @pytest.fixture(autouse=True)
    def _again(self, world: AccessWorld) -> Iterator[None]:
        yield
        credentials.issue(world.wiring, RECIPIENT, days=30)

    @pytest.mark.usefixtures("retained")
    def test_a_new_one_replaces_the_old(self, world: AccessWorld) -> None:
        before = world.settings(f"member.{RECIPIENT}")
        made = credentials.issue(world.wiring, RECIPIENT, days=30)
        assert made.username == f"member.{RECIPIENT}"
        assert abs(made.expires_ms - (time.time() * 1000 + 30 * DAY_MS)) < 60_000
        assert made.password != before["sasl.password"]
        assert world.settings(f"member.{RECIPIENT}")["sasl.password"] == made.password
        assert may_read(world)
        old = Caller(before).attempt(topics=[VIEW], groups=[], transactions=[])
        assert set(old.values()) == {NOT_LET_IN}

    def test_revoked_it_opens_nothing_and_what_is_open_ends(self, world: AccessWorld, opened: OpenReader) -> None:
        before = world.settings(f"member.{RECIPIENT}")
        assert credentials.revoke(world.wiring, RECIPIENT)
        until(lambda: not opened.reads(), "it still reads", 20)
        found = Caller(before).attempt(topics=[VIEW], groups=[], transactions=[])
        assert set(found.values()) == {NOT_LET_IN}
        assert not (world.ecosystem.directory / ".penstock/credentials" / f"member.{RECIPIENT}").exists()
        assert not credentials.revoke(world.wiring, RECIPIENT)
        credentials.leave_for(world.wiring, [RECIPIENT])
        world.apply()
        assert f"member.{RECIPIENT}" not in world.admin.users()

    def test_past_its_time_it_ends_by_itself(self, world: AccessWorld, opened: OpenReader) -> None:
        """While `penstock up` runs, whose thread this is."""
        user = f"member.{RECIPIENT}"
        now = int(time.time() * 1000)
        world.wiring.credentials().issued(user, now, now + 4_000)
        with Lapses(world.wiring):
            assert opened.reads()
            until(lambda: not opened.reads(), "it still reads", 20)
            until(lambda: user not in world.admin.users(), "the user is still there", 20)

    def test_none_is_made_where_users_are_not_ours(self, world: AccessWorld, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(world.wiring, "access", lambda: None)
        with pytest.raises(ConfigurationError, match="makes no users"):
            credentials.issue(world.wiring, RECIPIENT, days=1)
        with pytest.raises(ConfigurationError, match="not Penstock's"):
            sync(world.wiring)


def test_our_own_reader_says_that_it_may_read_no_more(world: AccessWorld) -> None:
    """As `penstock read` reads: with the member's own password, looking a group of its own up."""
    cluster = world.wiring.cluster(f"member.{RECIPIENT}")
    assert cluster.reader()["group.id"] == f"{RECIPIENT}.unused"
    with contextlib.closing(TopicReader(cluster, VIEW)) as reader:
        list(reader.to_end())
        world.admin.drop([Rule(f"member.{RECIPIENT}", "READ", "topic", VIEW)])
        with pytest.raises(RefusedError, match="does not let us read"):
            until(lambda: reader.poll(0.1), "it says nothing", 20)
        with pytest.raises(RefusedError, match="does not let us read"):
            TopicReader(cluster, VIEW)
        sync(world.wiring)
        list(reader.to_end())
