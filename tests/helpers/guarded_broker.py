"""A Kafka that asks who one is: listeners with SASL, with TLS, with both, and one behind a proxy."""

import socket
from dataclasses import dataclass
from pathlib import Path

from certificates import Authority
from confluent_kafka.admin import AdminClient, ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion
from kafka_proxy import KafkaProxy

from penstock.ops.broker.embedded import EmbeddedBroker

LISTENERS = {
    "PLAINTEXT": "PLAINTEXT",
    "PROXIED": "PLAINTEXT",
    "SASL": "SASL_PLAINTEXT",
    "TLS": "SSL",
    "MUTUAL": "SSL",
    "BOTH": "SASL_SSL",
}
USER, PASSWORD = "penstock", 'of the "user" only'


@dataclass
class GuardedBroker:
    """`ports` by listener. `authority` signed the broker's certificate and signs clients'."""

    broker: EmbeddedBroker
    ports: dict[str, int]
    proxy: KafkaProxy
    authority: Authority

    def bootstrap(self, listener: str) -> str:
        return f"127.0.0.1:{self.ports[listener]}"

    def stop(self) -> None:
        self.broker.stop()
        self.proxy.close()


def start(folder: Path) -> GuardedBroker:
    authority = Authority(folder, "authority")
    _, _, keystore = authority.issue("broker")
    names = [*LISTENERS, "CONTROLLER"]
    ports = dict(zip(names, _free_ports(len(names)), strict=True))
    proxy = KafkaProxy()
    proxy.upstream = ports["PROXIED"]
    advertised = {**ports, "PROXIED": proxy.port}
    del advertised["CONTROLLER"]
    module = "org.apache.kafka.common.security"
    quoted = PASSWORD.replace('"', '\\"')
    plain = f'{module}.plain.PlainLoginModule required user_{USER}="{quoted}";'
    sasl = {
        f"listener.name.{listener}.{key}": value
        for listener in ("sasl", "both")
        for key, value in {
            "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512",
            "plain.sasl.jaas.config": plain,
            "scram-sha-512.sasl.jaas.config": f"{module}.scram.ScramLoginModule required;",
        }.items()
    }
    extra = {
        "listeners": _listed(ports),
        "advertised.listeners": _listed(advertised),
        "controller.quorum.voters": f"1@127.0.0.1:{ports['CONTROLLER']}",
        "listener.security.protocol.map": ",".join(
            f"{name}:{kind}" for name, kind in {**LISTENERS, "CONTROLLER": "PLAINTEXT"}.items()
        ),
        "inter.broker.listener.name": "PLAINTEXT",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(keystore),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(authority.certificate),
        "listener.name.mutual.ssl.client.auth": "required",
        **sasl,
    }
    broker = EmbeddedBroker(folder / "broker", port=ports["PLAINTEXT"], extra=extra)
    broker.start()
    _scram_user(broker.bootstrap)
    return GuardedBroker(broker, ports, proxy, authority)


def _scram_user(bootstrap: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    wanted = UserScramCredentialUpsertion(
        USER, ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096), PASSWORD.encode()
    )
    for future in admin.alter_user_scram_credentials([wanted]).values():
        future.result(20)


def _listed(ports: dict[str, int]) -> str:
    return ",".join(f"{name}://127.0.0.1:{port}" for name, port in ports.items())


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
