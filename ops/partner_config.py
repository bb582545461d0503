"""What a recipient needs to read its view with a client of its own: facts, and nobody's secrets."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..processors.access import counts
from ..schemas.ecosystem import NamedCluster, NamedRegistry
from ..schemas.errors import ConfigurationError
from ..schemas.principals import member_principal
from .clock import now_ms
from .in_force import generation_in_force, held_agreement
from .wiring import Wiring

USER, PASSWORD = "PENSTOCK_KAFKA_USER", "PENSTOCK_KAFKA_PASSWORD"
TOKEN = "PENSTOCK_TOKEN"  # noqa: S105 - the name of a variable
CA_FILE, KAFKA_CA_FILE = "PENSTOCK_CA_FILE", "PENSTOCK_KAFKA_CA_FILE"
KAFKA_CERTIFICATE, KAFKA_KEY = "PENSTOCK_KAFKA_CERTIFICATE", "PENSTOCK_KAFKA_KEY"


@dataclass(frozen=True, slots=True)
class PartnerConfig:
    """How the recipient of one agreement reads. `user` is its Kafka user, None where the cluster's operator says it.

    `registry` is where schemas are; `own_registry`: at the gateway, which takes the token as a password there.
    `sealing_keys`: the ids of its keys that the charter names and that are not over; none where keys come unsealed.
    """

    agreement: str
    member: str
    topic: str
    bootstrap: str
    protocol: str
    mechanism: str | None
    user: str | None
    gateway: str
    registry: str
    own_registry: bool
    sealing_keys: tuple[str, ...] = ()

    @property
    def group(self) -> str:
        """A consumer group that the recipient may use: any that begins so may be."""
        return f"{self.member}.{self.agreement}"

    @property
    def tls(self) -> bool:
        return self.protocol.endswith("SSL")

    @property
    def sasl(self) -> bool:
        return self.protocol.startswith("SASL")

    @property
    def private_gateway(self) -> bool:
        """Say whether TLS is spoken to the gateway, so that its authority may have to be named."""
        return self.gateway.startswith("https")

    def facts(self) -> dict[str, Any]:
        """Return everything as plain JSON; secrets are names of variables."""
        return {**asdict(self), "group_prefix": f"{self.member}.", "client": dict(self.client())}

    def client(self) -> Mapping[str, str]:
        """Return a consumer's settings in librdkafka's names, but for what only variables hold."""
        said = {"bootstrap.servers": self.bootstrap, "security.protocol": self.protocol}
        if self.mechanism:
            said["sasl.mechanism"] = self.mechanism
        if self.sasl and self.user:
            said["sasl.username"] = self.user
        return {
            **said,
            "group.id": self.group,
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
        }

    def from_environment(self) -> Mapping[str, str]:
        """Return which settings, in librdkafka's names, come from which variable."""
        said: dict[str, str] = {}
        if self.sasl:
            said |= {} if self.user else {"sasl.username": USER}
            said["sasl.password"] = PASSWORD
        if self.tls:
            said["ssl.ca.location"] = KAFKA_CA_FILE
        if self.protocol == "SSL":
            said |= {"ssl.certificate.location": KAFKA_CERTIFICATE, "ssl.key.location": KAFKA_KEY}
        return said


def partner_config(directory: Path, agreement: str) -> PartnerConfig:
    """Return how the recipient of `agreement` reads. Raises ConfigurationError when it is not in force."""
    wiring, now = Wiring(directory), datetime.now(UTC)
    generation = generation_in_force(wiring)
    held = held_agreement(generation, agreement)
    if not counts(held, now_ms()):
        state = "over" if held.status == "in_force" else held.status
        raise ConfigurationError(f"`{agreement}` is {state}: there is nothing to be read", place=agreement)
    named, registry = wiring.ecosystem.cluster, wiring.ecosystem.registry
    cluster, member = wiring.cluster(), held.agreement.recipient
    said = generation.charter.member(member)
    managed = not isinstance(named, NamedCluster) or named.access == "managed"
    return PartnerConfig(
        agreement=agreement,
        member=member,
        topic=held.view_topic,
        bootstrap=cluster.bootstrap,
        protocol=cluster.security.get("security.protocol", "PLAINTEXT"),
        mechanism=cluster.security.get("sasl.mechanism"),
        user=member_principal(member) if managed else None,
        gateway=wiring.gateway_url(),
        registry=registry.url if isinstance(registry, NamedRegistry) else wiring.gateway_url(),
        own_registry=not isinstance(registry, NamedRegistry),
        sealing_keys=tuple(key.id for key in said.sealing_keys if now < key.valid.until) if said else (),
    )
