"""The guard of an embedded broker: closed from the first start on, over data of before, after crashes and losses."""

import contextlib
import stat
import time
from pathlib import Path

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from penstock.ops.access.passwords import Passwords
from penstock.ops.broker import adopting
from penstock.ops.broker.embedded import EmbeddedBroker
from penstock.ops.broker.guard import BROKER, Guard
from penstock.ops.broker.role import _guard
from penstock.ops.home import Home
from penstock.ops.settings import scram
from penstock.schemas.principals import OPERATOR

GUARD = Guard("o" * 43, "b" * 43)


def operator_of(broker: EmbeddedBroker, guard: Guard = GUARD) -> dict[str, str]:
    return {"bootstrap.servers": broker.bootstrap, **scram(OPERATOR, guard.operator)}


def comes_in(settings: dict[str, str]) -> bool:
    """Say whether a broker that runs lets a client in; who speaks without SASL is hung up on without a word."""
    told: list[str] = []
    admin = AdminClient({**settings, "log_level": "0", "error_cb": lambda error: told.append(error.name())})
    deadline = time.monotonic() + 30
    while not {"_AUTHENTICATION", "_ALL_BROKERS_DOWN"} & set(told):
        with contextlib.suppress(KafkaException):
            admin.list_topics(timeout=0.2)
            return True
        admin.poll(0)
        assert time.monotonic() < deadline, "the broker says nothing"
    return False


def test_no_listener_lets_anybody_in_and_nobody_but_two_stand_above_the_rules() -> None:
    said = GUARD.settings()
    kinds = [pair.partition(":")[2] for pair in said["listener.security.protocol.map"].split(",")]
    assert kinds == ["SASL_PLAINTEXT", "SASL_PLAINTEXT"]
    assert said["super.users"] == f"User:{BROKER};User:{OPERATOR}"
    assert said["allow.everyone.if.no.acl.found"] == "false"
    assert said["authorizer.class.name"].endswith(".StandardAuthorizer")


def test_a_guard_is_not_told_by_its_repr() -> None:
    assert GUARD.operator not in repr(GUARD)
    assert GUARD.operator not in GUARD.digest()


def test_where_there_is_no_data_passwords_are_new(tmp_path: Path) -> None:
    home = Home(tmp_path)
    passwords = Passwords(home.credentials)
    passwords.keep("gateway", "of a cluster that is gone")
    first = _guard(home)
    assert passwords.of("gateway") is None
    (home.broker / "data").mkdir(parents=True)
    passwords.keep("gateway", "of this one")
    assert _guard(home) == first
    assert passwords.of("gateway") == "of this one"
    assert stat.S_IMODE((home.credentials / OPERATOR).stat().st_mode) == 0o600
    assert stat.S_IMODE(home.credentials.stat().st_mode) == 0o700


@pytest.mark.broker
def test_data_of_before_is_brought_under_guard_and_stays(broker_root, hands_on) -> None:
    """Written by an open broker that crashed; then guarded; then guarded by other passwords, the first being lost."""
    with EmbeddedBroker(broker_root) as opened:
        hands_on(opened.bootstrap).topic("kept")
        hands_on(opened.bootstrap).produce("kept", b"from before", commit=True)
        opened.kill()
    said: list[str] = []
    for guard in (GUARD, Guard("p" * 43, "c" * 43)):
        with EmbeddedBroker(broker_root, guard=guard, say=said.append) as guarded:
            operator = operator_of(guarded, guard)
            assert hands_on(operator).read("kept", 1) == [b"from before"]
            hands_on(operator).produce("kept", b"and from now", commit=True)
            assert not comes_in({"bootstrap.servers": guarded.bootstrap})
            assert not comes_in({**operator, "sasl.password": "o" * 42})
            plain = {**operator, "sasl.mechanism": "PLAIN"}
            assert not comes_in(plain)
    assert said.count("Kafka's data is brought under guard, once") == 2


@pytest.mark.broker
def test_a_guarded_broker_comes_back_after_a_crash_and_leaves_no_password_open(broker_root, hands_on) -> None:
    with EmbeddedBroker(broker_root, guard=GUARD) as broker:
        hands_on(operator_of(broker)).topic("kept")
        hands_on(operator_of(broker)).produce("kept", b"still here", commit=True)
        broker.kill()
        broker.start()
        assert hands_on(operator_of(broker)).read("kept", 1) == [b"still here"]
        assert adopting.knows(broker_root, GUARD)
        secrets = (GUARD.operator.encode(), GUARD.broker.encode())
        holding = [path for path in broker_root.rglob("*") if path.is_file() and _holds(path, secrets)]
        assert {path.name for path in holding} == {"server.properties", "recovery.properties"}
        assert {stat.S_IMODE(path.stat().st_mode) for path in holding} == {0o600}
        command = Path(f"/proc/{broker.pid}/cmdline").read_bytes()
        assert not any(secret in command for secret in secrets)


def _holds(path: Path, secrets: tuple[bytes, ...]) -> bool:
    data = path.read_bytes()
    return any(secret in data for secret in secrets)
