"""What `partner config` prints, run as printed against a guarded Kafka and a gateway over TLS."""

import ast
import json
import os
import shutil
import subprocess
import sys

import pytest
from certificates import Authority
from confluent_kafka import Consumer, KafkaError
from ecosystem import cli, events, make, until

import penstock
from penstock.ops.broker.embedded import install
from penstock.ops.health import ask
from penstock.ops.key_client import GatewayClient
from penstock.ops.metrics import read_page
from penstock.schemas.errors import RefusedError

AGREEMENT, MEMBER, TOPIC = "ee-fi-income", "fi-tax", "view.ee-fi-income"


class Partner:
    """The example with TLS at its gateway, and what its recipient was given: variables, no more."""

    def __init__(self, folder):
        self.ecosystem = make(folder / "eco")
        self.ca = Authority(folder / "eco", "ca")
        *_, both = self.ca.issue("gateway")
        self.key_file = folder / "fi-tax.key"
        words = ("--out", str(self.key_file), "--id", "ours", "--register", "--in", str(self.ecosystem.directory))
        assert cli("partner", "key", MEMBER, *words).code == 0
        file = self.ecosystem.directory / "ecosystem.yaml"
        said = f"gateway: {{certificate_file: {both.name}, key_file: {both.name}, ca_file: ca.crt}}\n"
        file.write_text(file.read_text() + said)

    def given(self):
        """Let the operator's commands issue the recipient's secrets; return its environment."""
        words = ("--in", str(self.ecosystem.directory))
        left = self.ecosystem.directory / ".penstock" / "credentials" / f"member.{MEMBER}"
        until(left.exists, "`up` leaves no credential, which the one issued here is to replace")
        token = cli("tokens", "issue", MEMBER, *words).out.strip()
        password = cli("tokens", "issue", MEMBER, "--kafka", "--days", "3", *words).out.strip()
        self.secrets = [token, password]
        return {
            **{name: said for name, said in os.environ.items() if not name.startswith("PENSTOCK_")},
            "PENSTOCK_TOKEN": token,
            "PENSTOCK_KAFKA_PASSWORD": password,
            "PENSTOCK_CA_FILE": str(self.ca.certificate),
            "PENSTOCK_KEY_FILE": str(self.key_file),
        }

    def config(self, kind, *more):
        done = cli("partner", "config", AGREEMENT, "--for", kind, "--in", str(self.ecosystem.directory), *more)
        assert done.code == 0, done.err
        return done.out


@pytest.fixture(scope="module")
def partner(kafka_installed, tmp_path_factory):
    made = Partner(tmp_path_factory.mktemp("partner"))
    made.ecosystem.feed(events(60, seed=5))
    with made.ecosystem.up() as up:
        up.wait_in_force()
        made.environment = made.given()
        yield made


def held(partner):
    """Return the ids of all that the view holds now, as our own client reads it."""
    env, gateway = partner.environment, partner.ecosystem.gateway
    login = {"sasl.username": f"member.{MEMBER}", "sasl.password": env["PENSTOCK_KAFKA_PASSWORD"]}
    with penstock.open_view(
        AGREEMENT,
        gateway=gateway,
        token=env["PENSTOCK_TOKEN"],
        ca_file=env["PENSTOCK_CA_FILE"],
        key_files=[env["PENSTOCK_KEY_FILE"]],
        security=login,
    ) as view:
        return {record.value["payment_id"] for record in view.to_end()}


def first_lines(command, env, count):
    """Run a program until it has printed `count` lines; return them."""
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        lines = []
        for line in process.stdout:
            lines.append(line)
            if len(lines) == count:
                return lines
        pytest.fail(f"it ended after {len(lines)} lines: {process.stderr.read()}")
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("way", ["stock", "opened"])
def test_the_python_program_reads_the_view_as_printed(partner, tmp_path, way):
    program = tmp_path / "read_view.py"
    program.write_text(partner.config("python"))
    ast.parse(program.read_text())
    lines = first_lines([sys.executable, str(program), way], partner.environment, 10)
    names = [line.partition("'payment_id': '")[2].partition("'")[0] for line in lines]
    assert set(names) <= held(partner)
    assert all("'payment_id': '" in line for line in lines)
    # Only with keys from the gateway is a name text again.
    assert any("'name': b'" in line for line in lines) == (way == "stock")
    assert "PENSTOCK_KEY_FILE for `opened`: the file of your sealing key ours" in program.read_text()


JAVA = """
import java.io.FileReader;
import java.time.Duration;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

public class ReadView {
    public static void main(String[] words) throws Exception {
        var said = new Properties();
        said.load(new FileReader(words[0]));
        var bytes = new ByteArrayDeserializer();
        var left = 5;
        try (var consumer = new KafkaConsumer<>(said, bytes, bytes)) {
            consumer.subscribe(List.of(words[1]));
            while (left > 0) {
                for (var record : consumer.poll(Duration.ofSeconds(1))) {
                    if (left-- > 0) System.out.println(record.offset());
                }
            }
        }
    }
}
"""


def test_the_java_properties_serve_kafkas_own_java_client(partner, tmp_path):
    """Only its deserialisers are replaced: Confluent's Java ones are not at hand."""
    file, program, jvm = tmp_path / "client.properties", tmp_path / "ReadView.java", install()
    modules = subprocess.run([jvm.java.executable, "--list-modules"], capture_output=True, text=True, check=True)
    if "jdk.compiler" not in modules.stdout:
        pytest.skip("this Java has no compiler to run a Java client with")
    file.write_text(partner.config("java"))
    program.write_text(JAVA)
    jars = os.pathsep.join(map(str, jvm.class_path))
    command = [str(jvm.java.executable), "-cp", jars, str(program), str(file), TOPIC]
    assert len(first_lines(command, partner.environment, 5)) == 5
    settings = settings_of(file.read_text())
    assert settings["isolation.level"] == "read_committed"
    assert settings["group.id"].startswith(f"{MEMBER}.")


def settings_of(text):
    return dict(line.split("=", 1) for line in text.splitlines() if not line.startswith("#"))


def consumed(settings, topic):
    """Return the first record or error that a consumer of librdkafka gets."""
    consumer = Consumer(settings)
    try:
        consumer.subscribe([topic])
        for _ in range(60):
            found = consumer.poll(1.0)
            if found is not None:
                return found
    finally:
        consumer.close()
    return None


def test_the_file_for_kcat_serves_librdkafka(partner):
    text = partner.config("kcat")
    settings = settings_of(text) | {"sasl.password": partner.environment["PENSTOCK_KAFKA_PASSWORD"]}
    assert settings["isolation.level"] == "read_committed"
    assert f"-G {MEMBER}." in text.splitlines()[1]
    found = consumed({**settings, "group.id": f"{MEMBER}.kcat"}, TOPIC)
    assert found is not None
    assert found.error() is None
    refused = consumed({**settings, "group.id": "somebody.else"}, TOPIC)
    assert refused.error().code() == KafkaError.GROUP_AUTHORIZATION_FAILED


@pytest.mark.parametrize("kind", ["python", "java", "kcat"])
def test_no_secret_is_printed(partner, kind):
    text = partner.config(kind)
    said = json.loads(partner.config(kind, "--json"))
    assert said["text"] == text
    assert (said["topic"], said["group_prefix"], said["member"]) == (TOPIC, f"{MEMBER}.", MEMBER)
    assert said["client"]["isolation.level"] == "read_committed"
    held = [path.read_text().strip() for path in (partner.ecosystem.directory / ".penstock" / "tokens").iterdir()]
    for secret in (*partner.secrets, *held):
        assert secret not in text + json.dumps(said)


def test_what_is_not_in_force_has_no_configuration(partner):
    where = ("--in", str(partner.ecosystem.directory))
    assert cli("partner", "config", "nobodys", *where).code == 3
    assert cli("agreements", "suspend", "fi-ee-residency", *where).code == 0
    done = cli("partner", "config", "fi-ee-residency", *where)
    assert (done.code, done.out) == (3, "")
    assert cli("agreements", "resume", "fi-ee-residency", *where).code == 0


def test_read_takes_https_and_a_file_of_authorities(partner, monkeypatch):
    directory, gateway = str(partner.ecosystem.directory), partner.ecosystem.gateway
    assert gateway.startswith("https://")
    sealed_only = cli("read", AGREEMENT, "--in", directory, "-n", "3")
    assert (sealed_only.code, sealed_only.out) == (5, "")
    assert "PENSTOCK_KEY_FILE" in sealed_only.err
    beside = partner.ecosystem.directory / ".penstock" / "recipient-keys" / MEMBER
    beside.mkdir(parents=True)
    shutil.copy(partner.key_file, beside)
    assert len(cli("read", AGREEMENT, "--in", directory, "-n", "3").out.splitlines()) == 3
    for name in ("PENSTOCK_TOKEN", "PENSTOCK_CA_FILE", "PENSTOCK_KAFKA_PASSWORD", "PENSTOCK_KEY_FILE"):
        monkeypatch.setenv(name, partner.environment[name])
    monkeypatch.setenv("PENSTOCK_KAFKA_USER", f"member.{MEMBER}")
    elsewhere = ("read", AGREEMENT, "--gateway", gateway, "-n", "3")
    assert len(cli(*elsewhere).out.splitlines()) == 3
    monkeypatch.delenv("PENSTOCK_CA_FILE")
    done = cli(*elsewhere)
    assert (done.code, done.out) == (5, "")
    assert "PENSTOCK_CA_FILE" in done.err


def test_hand_outs_over_tls_are_on_record(partner):
    assert held(partner)
    where = ("--in", str(partner.ecosystem.directory), "--agreement", AGREEMENT)
    rows = cli("partner", "hand-outs", *where, "--json").json
    assert {(row["recipient"], row["sealing_key"]) for row in rows} == {(MEMBER, "ours")}
    assert all(0 < row["given"] <= row["asked"] for row in rows)
    assert MEMBER in cli("partner", "hand-outs", *where).out
    _, page = ask(int(partner.ecosystem.facts("gateway")["port"]), "/metrics")
    ((labels, counted),) = read_page(page)["penstock_keys_handed_out_total"]
    assert labels == {"agreement": AGREEMENT, "recipient": MEMBER}
    assert counted == sum(row["given"] for row in rows)


def test_a_revoked_token_opens_nothing_from_then_on(partner):
    where = ("--in", str(partner.ecosystem.directory))
    token = cli("tokens", "issue", MEMBER, "--json", *where).json
    client = GatewayClient(partner.ecosystem.gateway, token["token"], ca_file=partner.environment["PENSTOCK_CA_FILE"])
    assert client.agreement(AGREEMENT)["topic"] == TOPIC
    assert cli("tokens", "revoke", token["id"], *where).code == 0
    with pytest.raises(RefusedError, match="revoked"):
        client.agreement(AGREEMENT)
    _, page = ask(int(partner.ecosystem.facts("gateway")["port"]), "/metrics")
    counted = read_page(page)["penstock_access_refused_total"]
    assert ({"door": "keys", "principal": MEMBER, "reason": "revoked"}, 1.0) in counted
