"""The guard of an embedded broker: nobody without a password, nothing without a rule.

Clients log in with SASL/SCRAM-SHA-512, whose users Kafka keeps in its own metadata. Controllers need to talk before
that metadata can be read, so their listener takes the broker's own user by PLAIN, with a random password, on loopback.
Two users stand above the rules: the operator, who makes all others, and the broker itself.
"""

import hashlib
from dataclasses import dataclass

from ...schemas.principals import OPERATOR

BROKER = "broker"
"""Kafka's own user, for what its node says to itself."""

_MODULE = "org.apache.kafka.common.security"


@dataclass(frozen=True, slots=True, repr=False)
class Guard:
    """The passwords of the two users that stand above the rules. They hold letters, digits, `-` and `_` only."""

    operator: str
    broker: str

    def settings(self) -> dict[str, str]:
        """Return what `server.properties` says of who may come in."""
        scram = f'{_MODULE}.scram.ScramLoginModule required username="{BROKER}" password="{self.broker}";'
        return {
            "listener.security.protocol.map": "CLIENT:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT",
            "sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-512",
            "listener.name.client.scram-sha-512.sasl.jaas.config": scram,
            "sasl.mechanism.controller.protocol": "PLAIN",
            "listener.name.controller.sasl.enabled.mechanisms": "PLAIN",
            "listener.name.controller.plain.sasl.jaas.config": self._plain(BROKER),
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": f"User:{BROKER};User:{OPERATOR}",
            "allow.everyone.if.no.acl.found": "false",
        }

    def settings_without_users(self) -> dict[str, str]:
        """Return settings for data that knows no users yet: the two log in by PLAIN, and nobody else does."""
        return {
            **self.settings(),
            "sasl.enabled.mechanisms": "PLAIN",
            "sasl.mechanism.inter.broker.protocol": "PLAIN",
            "listener.name.client.plain.sasl.jaas.config": self._plain(BROKER, OPERATOR),
        }

    def users(self) -> dict[str, str]:
        """Return the two users and their passwords."""
        return {OPERATOR: self.operator, BROKER: self.broker}

    def digest(self) -> str:
        """Return what tells this guard from one with other passwords, and tells nothing about them."""
        return hashlib.sha256(f"{self.operator}\n{self.broker}".encode()).hexdigest()

    def _plain(self, *users: str) -> str:
        known = " ".join(f'user_{user}="{self.users()[user]}"' for user in users)
        own = f'username="{BROKER}" password="{self.broker}"'
        return f"{_MODULE}.plain.PlainLoginModule required {own} {known};"
