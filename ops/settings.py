"""From `ecosystem.yaml` to the cluster clients speak to. Secrets come from the environment, never from documents."""

import os
from pathlib import Path

from ..schemas.ecosystem import Ecosystem, NamedCluster, Security
from ..schemas.errors import ConfigurationError, UnavailableError
from ..streams.settings import Cluster
from .access.passwords import Passwords
from .home import Home
from .processes import read_status


def cluster_of(home: Home, ecosystem: Ecosystem, principal: str) -> Cluster:
    """Return the ecosystem's cluster as `principal` sees it; a named one as the environment's user does.

    Raises ConfigurationError when a variable that it names is not set, UnavailableError when the embedded broker does
    not run or knows no such principal yet.
    """
    if isinstance(ecosystem.cluster, NamedCluster):
        return Cluster(ecosystem.cluster.bootstrap, _security(ecosystem.cluster.security, home.root))
    facts = read_status(home.run / "broker.json")
    if not facts:
        raise UnavailableError(
            "the embedded Kafka of this ecosystem does not run", place=str(home.root), remedy="penstock up DIR"
        )
    return Cluster(str(facts["bootstrap"]), _embedded(home, principal))


def _embedded(home: Home, principal: str) -> dict[str, str]:
    password = Passwords(home.credentials).of(principal)
    if password is None:
        raise UnavailableError(
            f"the embedded Kafka has no password for `{principal}` yet",
            place=str(home.credentials),
            remedy="run: penstock apply DIR",
        )
    return scram(principal, password)


def scram(user: str, password: str) -> dict[str, str]:
    """Return librdkafka's names for a user of the embedded broker."""
    return {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": user,
        "sasl.password": password,
    }


def _security(security: Security, root: Path) -> dict[str, str]:
    """Return librdkafka's names for what the document says."""
    said: dict[str, str] = {"security.protocol": security.protocol}
    if security.mechanism and security.username_env and security.password_env:
        said["sasl.mechanism"] = security.mechanism
        said["sasl.username"] = from_environment(security.username_env)
        said["sasl.password"] = from_environment(security.password_env)
    files = {
        "ssl.ca.location": security.ca_file,
        "ssl.certificate.location": security.certificate_file,
        "ssl.key.location": security.key_file,
    }
    said.update({name: str(root / file) for name, file in files.items() if file})
    if security.key_password_env:
        said["ssl.key.password"] = from_environment(security.key_password_env)
    return said


def from_environment(name: str) -> str:
    """Return a variable's value. Raises ConfigurationError when it is not set."""
    value = os.environ.get(name)
    if not value:
        raise ConfigurationError(f"the environment variable {name} is not set", remedy=f"export {name}=…")
    return value
