"""A cluster that others run: with `access: managed` Penstock makes users and rules there, else it touches neither."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from access_world import LET_IN, Attempt, Caller
from ecosystem import Ecosystem, cli, make, until

from penstock.ops.broker.embedded import EmbeddedBroker
from penstock.ops.broker.guard import Guard
from penstock.ops.processes import read_status
from penstock.ops.settings import scram
from penstock.streams.access import AccessAdmin
from penstock.streams.settings import Cluster

pytestmark = pytest.mark.broker

GUARD = Guard("o" * 43, "b" * 43)
KNOWN, CONTROL = "exchange.tax-residency", "penstock.control"
PAGE = """cluster:
  bootstrap: {}
  access: {}
  security:
    protocol: SASL_PLAINTEXT
    mechanism: SCRAM-SHA-512
    username_env: KAFKA_USER
    password_env: KAFKA_PASSWORD"""


@pytest.fixture(scope="module")
def broker(kafka_installed: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(tmp_path_factory.mktemp("theirs"), guard=GUARD) as made:
        yield made


@pytest.fixture
def admin(broker: EmbeddedBroker) -> AccessAdmin:
    return AccessAdmin(Cluster(broker.bootstrap, scram("operator", GUARD.operator)))


def act_as(monkeypatch: pytest.MonkeyPatch, user: str, password: str) -> None:
    monkeypatch.setenv("KAFKA_USER", user)
    monkeypatch.setenv("KAFKA_PASSWORD", password)


def ecosystem_on(broker: EmbeddedBroker, directory: Path, access: str) -> Ecosystem:
    made = make(directory)
    made.edit("ecosystem.yaml", "cluster: embedded", PAGE.format(broker.bootstrap, access))
    return made


def test_external_access_is_left_alone(
    broker: EmbeddedBroker, admin: AccessAdmin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ecosystem = ecosystem_on(broker, tmp_path / "eco", "external")
    act_as(monkeypatch, "operator", GUARD.operator)
    done = cli("access", "sync", str(ecosystem.directory))
    assert done.code == 3
    assert "not Penstock's" in done.err
    assert admin.users() == {"operator", "broker"}
    assert admin.rules() == frozenset()


def test_managed_it_is_prepared_by_the_operator_and_then_each_role_is_itself(
    broker: EmbeddedBroker, admin: AccessAdmin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`access sync`, the gateway as `gateway`, `apply`: the order in which containers come up."""
    ecosystem = ecosystem_on(broker, tmp_path / "eco", "managed")
    folder = ecosystem.directory / ".penstock" / "credentials"
    admin.set_password(KNOWN, "made elsewhere")
    act_as(monkeypatch, "operator", GUARD.operator)
    assert cli("access", "sync", str(ecosystem.directory)).code == 0
    roles = {"gateway", KNOWN, "exchange.income-payments", "connector.income-payments", "connector.tax-residency"}
    assert admin.users() == {"operator", "broker", *roles}
    assert {path.name for path in folder.glob("[!.]*")} == roles - {KNOWN}
    assert cli("access", "sync", str(ecosystem.directory)).out.strip() == "nothing changes"

    passwords = {path.name: path.read_text().strip() for path in folder.glob("[!.]*")} | {KNOWN: "made elsewhere"}
    act_as(monkeypatch, "gateway", passwords["gateway"])
    with ecosystem.role("gateway"):
        until(lambda: read_status(ecosystem.run / "gateway.json"), "the gateway does not run as `gateway`")
        assert may(broker, "exchange.income-payments", passwords) == {("describe", CONTROL), ("read", CONTROL)}
        act_as(monkeypatch, "operator", GUARD.operator)
        applied = cli("apply", str(ecosystem.directory))
        assert applied.code == 0, applied.err
    for role in (KNOWN, "exchange.income-payments"):
        assert {("write", "penstock.audit"), ("read", CONTROL)} <= may(broker, role, passwords)


def may(broker: EmbeddedBroker, role: str, passwords: dict[str, str]) -> set[Attempt]:
    settings = {"bootstrap.servers": broker.bootstrap, **scram(role, passwords[role])}
    found = Caller(settings).attempt(topics=[CONTROL, "penstock.audit"], groups=[], transactions=[])
    return {attempt for attempt, outcome in found.items() if outcome == LET_IN}
