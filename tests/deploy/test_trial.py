"""The trial of deploy/compose.yaml without containers: every service's command as a process, as that service runs it.

Kafka starts by deploy/kafka/start.sh, the ecosystem is what prepare.sh writes, each role has the environment of its
service: its own user, its own rights. Only host names and ports are others.
"""

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from confluent_kafka import Consumer
from confluent_kafka.admin import AdminClient
from ecosystem import PAYMENTS, Ecosystem, end, events, until
from kafka_home import free_port, make
from postgresql import postgresql

from penstock.ops.broker.probe import wait_ready
from penstock.ops.health import health_of

pytestmark = pytest.mark.broker
DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
SERVICES = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
EVENTS = 200


@dataclass
class Trial:
    """What `prepare.sh` wrote, with the host names and ports of this machine."""

    folder: Path
    kafka: str
    store: str

    @property
    def ecosystem(self) -> Ecosystem:
        return Ecosystem(self.folder / "ecosystem", cluster=self.kafka)

    def environment(self, service: str) -> dict[str, str]:
        """Return a service's environment, variables filled in from `.env`."""
        values = dict(line.split("=", 1) for line in (self.folder / ".env").read_text().split())
        said = SERVICES[service]["environment"]
        filled = {key: re.sub(r"\$\{(\w+)\}", lambda name: values[name[1]], str(text)) for key, text in said.items()}
        return {key: text.replace("/ecosystem", str(self.folder / "ecosystem")) for key, text in filled.items()}

    def command(self, service: str) -> "subprocess.Popen[bytes]":
        words = [str(self.ecosystem.directory) if one == "/ecosystem" else one for one in SERVICES[service]["command"]]
        own = {**self.environment(service), "STORE_URL": self.store, "PENSTOCK_METRICS_LISTEN": "127.0.0.1:0"}
        with (self.folder / f"{service}.log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "penstock", *words], env={**os.environ, **own}, stdout=log, stderr=log
            )

    def done(self, service: str) -> None:
        """Run a service that ends, and see that it ended well."""
        process = self.command(service)
        assert process.wait(120) == 0, (self.folder / f"{service}.log").read_text()

    def admin(self) -> dict[str, Any]:
        secret = self.environment("apply")
        login = {"sasl.username": secret["KAFKA_USER"], "sasl.password": secret["KAFKA_PASSWORD"]}
        security = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "SCRAM-SHA-512"}
        return {"bootstrap.servers": self.kafka, **security, **login}


@pytest.fixture(scope="module")
def trial(tmp_path_factory, kafka_installed):
    """The trial, prepared; Kafka and PostgreSQL run."""
    folder = tmp_path_factory.mktemp("trial") / "trial"
    subprocess.run(["/bin/sh", str(DEPLOY / "prepare.sh"), str(folder)], check=True, capture_output=True)
    kafka, gateway = f"127.0.0.1:{free_port()}", free_port()
    document = folder / "ecosystem" / "ecosystem.yaml"
    text = document.read_text().replace("kafka:9092", kafka).replace("0.0.0.0:8443", f"127.0.0.1:{gateway}")
    document.write_text(text.replace("https://gateway:8443", f"https://localhost:{gateway}"))
    with postgresql() as store:
        trial = Trial(folder, kafka, store)
        places = {
            "KAFKA_HOME": str(make(folder / "kafka")),
            "DATA": str(folder / "data"),
            "RUN": str(folder),
            "LISTEN": kafka,
            "ADVERTISED": kafka,
            "CONTROLLER": f"127.0.0.1:{free_port()}",
        }
        with (folder / "kafka.log").open("wb") as log:
            process = subprocess.Popen(
                [DEPLOY / "kafka" / "start.sh"],
                env={**os.environ, **trial.environment("kafka"), **places},
                stdout=log,
                stderr=log,
            )
        try:
            wait_ready(kafka, 60, alive=lambda: process.poll() is None)
            yield trial
        finally:
            end(process)


@pytest.fixture(scope="module")
def roles(trial):
    """Every service, in the order that `depends_on` asks for."""
    trial.done("access")
    running = [trial.command("gateway")]
    try:
        until(lambda: healthy(trial, "gateway"), "the gateway runs")
        trial.done("apply")
        rest = [name for name in SERVICES if name.startswith(("exchange-", "connectors-"))]
        running += [trial.command(name) for name in rest]
        until(lambda: all(healthy(trial, name) for name in rest), "every role runs")
        yield running
    finally:
        for process in running:
            end(process)


def healthy(trial, role):
    path = trial.ecosystem.run / f"{role}.json"
    return path.exists() and health_of(trial.ecosystem.facts(role)["port"]).get("state") == "running"


def test_what_is_dropped_reaches_its_view(trial, roles):
    trial.ecosystem.feed(events(EVENTS, seed=5))
    sent = sum(1 for dataset, _ in events(EVENTS, seed=5) if dataset == PAYMENTS)
    consumer = Consumer({**trial.admin(), "group.id": "operator.trial", "auto.offset.reset": "earliest"})
    consumer.subscribe(["ee-tax.income-payments.v1", "view.ee-fi-income"])
    found = {"provider": 0, "view": 0}
    deadline = time.monotonic() + 60
    while found["provider"] < sent or not found["view"]:
        assert time.monotonic() < deadline, found
        for message in consumer.consume(1000, 0.2):
            if message.error() is None:
                found["view" if message.topic().startswith("view.") else "provider"] += 1
    consumer.close()
    assert found["provider"] == sent
    assert all(process.poll() is None for process in roles)


def test_no_role_has_the_operators_rights(trial, roles):
    users = {
        name: trial.environment(name)["KAFKA_USER"]
        for name in SERVICES
        if "KAFKA_USER" in SERVICES[name].get("environment", {})
    }
    assert [name for name, user in users.items() if user == "operator"] == ["access", "apply"]
    secret = trial.environment("exchange-income-payments-0")
    login = {"sasl.username": secret["KAFKA_USER"], "sasl.password": secret["KAFKA_PASSWORD"]}
    seen = AdminClient({**trial.admin(), **login}).list_topics(timeout=20).topics
    assert "view.ee-fi-income" in seen
    assert "view.fi-ee-residency" not in seen
