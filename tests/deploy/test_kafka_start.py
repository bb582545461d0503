"""deploy/kafka/start.sh, on a real Kafka: who is made gets in, nobody else does, and rights are asked for."""

import os
import subprocess
from pathlib import Path

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic
from kafka_home import free_port, make

from penstock.ops.broker.probe import wait_ready

pytestmark = pytest.mark.broker
START = Path(__file__).resolve().parents[2] / "deploy" / "kafka" / "start.sh"
OPERATOR, GATEWAY = "0a" * 24, "0b" * 24


@pytest.fixture(scope="module")
def bootstrap(tmp_path_factory, kafka_installed):
    folder = tmp_path_factory.mktemp("start")
    address = f"127.0.0.1:{free_port()}"
    environment = {
        **os.environ,
        "KAFKA_HOME": str(make(folder / "kafka")),
        "DATA": str(folder / "data"),
        "RUN": str(folder),
        "LISTEN": address,
        "ADVERTISED": address,
        "CONTROLLER": f"127.0.0.1:{free_port()}",
        "OPERATOR_PASSWORD": OPERATOR,
        "CONTROLLER_PASSWORD": "0c" * 24,
        "USERS": f"gateway={GATEWAY}",
    }
    with (folder / "out").open("wb") as out:
        process = subprocess.Popen([START], env=environment, stdout=out, stderr=out)
    try:
        wait_ready(address, 60, alive=lambda: process.poll() is None)
        yield address
    finally:
        process.terminate()
        process.wait(20)
    assert (folder / "server.properties").stat().st_mode & 0o077 == 0


def admin(bootstrap, user, password):
    login = {"sasl.mechanism": "SCRAM-SHA-512", "sasl.username": user, "sasl.password": password}
    return AdminClient({"bootstrap.servers": bootstrap, "security.protocol": "SASL_PLAINTEXT", "log_level": 0, **login})


def test_the_operator_makes_topics(bootstrap):
    operator = admin(bootstrap, "operator", OPERATOR)
    operator.create_topics([NewTopic("one", 1)])["one"].result(20)
    assert "one" in operator.list_topics(timeout=20).topics


def test_a_user_that_was_made_gets_in_and_may_nothing_yet(bootstrap):
    gateway = admin(bootstrap, "gateway", GATEWAY)
    assert set(gateway.list_topics(timeout=20).brokers) == {1}
    with pytest.raises(KafkaException, match="AUTHORIZATION_FAILED"):
        gateway.create_topics([NewTopic("two", 1)])["two"].result(20)


@pytest.mark.parametrize(("user", "password"), [("operator", GATEWAY), ("nobody", OPERATOR)])
def test_a_wrong_password_or_user_does_not_get_in(bootstrap, user, password):
    with pytest.raises(KafkaException):
        admin(bootstrap, user, password).list_topics(timeout=1)


def test_nobody_without_a_name_gets_in(bootstrap):
    with pytest.raises(KafkaException):
        AdminClient({"bootstrap.servers": bootstrap, "log_level": 0}).list_topics(timeout=1)
