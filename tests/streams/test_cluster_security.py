"""A cluster that asks who one is: what `security` in ecosystem.yaml says gets our clients in, or a clear error."""

import logging
import time
import uuid

import pytest
from certificates import KEY_PASSWORD, Authority
from guarded_broker import PASSWORD, USER

from penstock.ops.home import Home
from penstock.ops.settings import cluster_of
from penstock.schemas.ecosystem import Ecosystem
from penstock.schemas.errors import ConfigurationError, RefusedError, UnavailableError
from penstock.streams import topics as topics_module
from penstock.streams.reader import TopicReader
from penstock.streams.tail import Tail
from penstock.streams.topics import TopicSpec, ensure
from penstock.streams.transaction import TransactionalProducer

SASL = {"username_env": "KAFKA_USER", "password_env": "KAFKA_PASSWORD"}
PLAIN = {"protocol": "SASL_PLAINTEXT", "mechanism": "PLAIN", **SASL}
SCRAM = {"protocol": "SASL_PLAINTEXT", "mechanism": "SCRAM-SHA-512", **SASL}
TLS = {"protocol": "SSL", "ca_file": "authority.crt"}
MUTUAL = {
    **TLS,
    "certificate_file": "client.crt",
    "key_file": "client.key",
    "key_password_env": "KAFKA_KEY_PASSWORD",
}
BOTH = {**SCRAM, "protocol": "SASL_SSL", "ca_file": "authority.crt"}


@pytest.fixture
def home(guarded, tmp_path, monkeypatch):
    """An ecosystem's directory with the certificates that its documents name, and the variables set."""
    (tmp_path / "authority.crt").write_bytes(guarded.authority.certificate.read_bytes())
    Authority(tmp_path, "stranger").issue("forged")
    for path in guarded.authority.issue("client")[:2]:
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setenv("KAFKA_USER", USER)
    monkeypatch.setenv("KAFKA_PASSWORD", PASSWORD)
    monkeypatch.setenv("KAFKA_KEY_PASSWORD", KEY_PASSWORD)
    return Home(tmp_path)


@pytest.fixture
def named(guarded, home):
    """`named(listener, security)`: the cluster of an ecosystem that says so."""

    def cluster(listener, security):
        said = {"bootstrap": guarded.bootstrap(listener), "security": security}
        return cluster_of(
            home, Ecosystem.model_validate({"version": 1, "id": "eco", "title": "E", "cluster": said}), "operator"
        )

    return cluster


@pytest.mark.parametrize(
    ("listener", "security"),
    [("SASL", PLAIN), ("SASL", SCRAM), ("TLS", TLS), ("MUTUAL", MUTUAL), ("BOTH", BOTH)],
    ids=["plain", "scram", "tls", "mutual-tls", "scram-over-tls"],
)
def test_what_the_document_says_gets_every_client_in(named, closing, listener, security):
    cluster, topic = named(listener, security), f"t-{uuid.uuid4().hex}"
    assert ensure(cluster, [TopicSpec(topic, 1)]) == [topic]
    producer = closing(TransactionalProducer(cluster, topic))
    producer.init()
    with producer.transaction() as transaction:
        transaction.produce(topic, b"1")
    tail, reader, deadline = closing(Tail(cluster, topic)), closing(TopicReader(cluster, topic)), time.monotonic() + 10
    while not (found := list(tail.to_end())):
        assert time.monotonic() < deadline
    assert [one.value for one in found] == [one.value for one in reader.to_end()] == [b"1"]


def everyone(cluster):
    """First contacts of commands, roles and recipients."""
    yield lambda: ensure(cluster, [TopicSpec("t", 1)])
    yield lambda: list(Tail(cluster, "t").to_end())
    yield lambda: TopicReader(cluster, "t")


REFUSED, UNTRUSTED = "refused the user or the password", "no trusted TLS"
NOT_LET_IN = {
    "plain-password": ("SASL", PLAIN, {"KAFKA_PASSWORD": "wrong-canary"}, REFUSED),
    "scram-password": ("SASL", SCRAM, {"KAFKA_PASSWORD": "wrong-canary"}, REFUSED),
    "scram-user": ("BOTH", BOTH, {"KAFKA_USER": "nobody-canary"}, REFUSED),
    "foreign-authority": ("TLS", {**TLS, "ca_file": "stranger.crt"}, {}, UNTRUSTED),
    "no-certificate": ("MUTUAL", TLS, {}, UNTRUSTED),
    "no-tls-there": ("PLAINTEXT", TLS, {}, UNTRUSTED),
}


@pytest.mark.parametrize("case", NOT_LET_IN)
def test_who_is_not_let_in_is_told_so_at_once(named, guarded, monkeypatch, caplog, case):
    listener, security, variables, says = NOT_LET_IN[case]
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    cluster = named(listener, security)
    caplog.set_level(logging.DEBUG)
    for contact in everyone(cluster):
        started = time.monotonic()
        with pytest.raises(RefusedError, match=says) as raised:
            contact()
        assert time.monotonic() - started < 8
        assert raised.value.place == guarded.bootstrap(listener)
        assert "ecosystem.yaml" in raised.value.remedy
        assert "canary" not in str(raised.value) + caplog.text


@pytest.mark.parametrize("listener", ["SASL", "TLS"])
def test_without_security_the_remedy_names_the_document(named, monkeypatch, listener):
    monkeypatch.setattr(topics_module, "PATIENCE_S", 0.3)
    with pytest.raises(UnavailableError, match=r"ecosystem\.yaml"):
        ensure(named(listener, {}), [TopicSpec("t", 1)])


@pytest.mark.parametrize(
    ("security", "variables"),
    [({**TLS, "ca_file": "missing.crt"}, {}), (MUTUAL, {"KAFKA_KEY_PASSWORD": "canary"})],
    ids=["no-such-file", "wrong-key-password"],
)
def test_files_that_do_not_open_are_a_matter_of_configuration(named, monkeypatch, security, variables):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    for contact in everyone(named("MUTUAL", security)):
        with pytest.raises(ConfigurationError, match="security") as raised:
            contact()
        assert "canary" not in str(raised.value)


def test_a_variable_that_is_not_set_is_named(named, monkeypatch):
    monkeypatch.delenv("KAFKA_PASSWORD")
    with pytest.raises(ConfigurationError, match="KAFKA_PASSWORD"):
        named("SASL", PLAIN)
