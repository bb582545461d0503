"""The ecosystem's own page: which cluster, registry and store it runs on. Secrets stand in the environment or files."""

import ipaddress
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, StringConstraints, Tag, model_validator

from .kms import KmsPlan
from .model import EnvName, HttpUrl, Model, Slug, Text

Bootstrap = Annotated[str, StringConstraints(pattern=r"^[^\s,:]+:[0-9]+(,[^\s,:]+:[0-9]+)*$")]
ListenAddress = Annotated[str, StringConstraints(pattern=r"^(\[[0-9a-fA-F:]+\]|[^\s:\[\]/]+):[0-9]{1,5}$")]
EVERYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared, not bound


class Security(Model):
    """How clients prove themselves to the cluster and the cluster to them; Kafka's own words."""

    protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    username_env: EnvName | None = None
    password_env: EnvName | None = None
    ca_file: Text | None = None
    certificate_file: Text | None = None
    key_file: Text | None = None
    key_password_env: EnvName | None = None

    @model_validator(mode="after")
    def _consistent(self) -> "Security":
        sasl = (self.mechanism, self.username_env, self.password_env)
        if self.protocol.startswith("SASL") and not all(sasl):
            raise ValueError("a SASL protocol needs mechanism, username_env and password_env")
        if not self.protocol.startswith("SASL") and any(sasl):
            raise ValueError("mechanism, username_env and password_env need the protocol SASL_SSL or SASL_PLAINTEXT")
        if not self.protocol.endswith("SSL") and any((self.ca_file, self.certificate_file, self.key_file)):
            raise ValueError("ca_file, certificate_file and key_file need the protocol SSL or SASL_SSL")
        if bool(self.certificate_file) != bool(self.key_file):
            raise ValueError("certificate_file and key_file go together")
        return self


class NamedCluster(Model):
    """A Kafka cluster that somebody else runs; Penstock then starts none.

    `access`: with `managed`, Penstock makes its users and rules there; with `external` it touches neither.
    """

    bootstrap: Bootstrap
    security: Security = Security()
    access: Literal["managed", "external"] = "external"


class NamedRegistry(Model):
    """A schema registry that somebody else runs (Confluent's REST interface)."""

    url: HttpUrl
    ca_file: Text | None = None
    username_env: EnvName | None = None
    password_env: EnvName | None = None


class Gateway(Model):
    """Where the gateway listens, and how it and its clients prove who they are. Files lie below the directory.

    Without `listen` it is a free port of this machine, over plain HTTP. `client_ca_file` says whose client certificates
    are believed, `ca_file` whose certificate of the gateway, else the system's. `url` is where others reach it, also
    roles on other machines. `keys_per_second` is how fast one recipient is handed keys.
    """

    listen: ListenAddress | None = None
    certificate_file: Text | None = None
    key_file: Text | None = None
    client_ca_file: Text | None = None
    ca_file: Text | None = None
    url: HttpUrl | None = None
    keys_per_second: Annotated[int, Field(gt=0)] = 5_000

    @property
    def host(self) -> str:
        return self.listen.rpartition(":")[0].strip("[]") if self.listen else "127.0.0.1"

    @property
    def port(self) -> int:
        return int(self.listen.rpartition(":")[2]) if self.listen else 0

    @model_validator(mode="after")
    def _guarded(self) -> "Gateway":
        if bool(self.certificate_file) != bool(self.key_file):
            raise ValueError("certificate_file and key_file go together")
        if self.client_ca_file and not self.certificate_file:
            raise ValueError("client_ca_file needs certificate_file and key_file: without TLS nobody shows one")
        if not self.certificate_file and not _is_loopback(self.host):
            raise ValueError("a gateway that others reach needs certificate_file and key_file: tokens are secrets")
        if self.host in EVERYWHERE and not self.url:
            raise ValueError("a gateway that listens everywhere needs `url`: where others reach it")
        return self


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class NamedStore(Model):
    """A PostgreSQL database; the variable holds its SQLAlchemy URL, since that may hold a password."""

    url_env: EnvName


BackEnd = Literal["native", "python", "slow"]
"""`python`: view programs compiled to Python, and the slow path for what they do not take; `native`: the same programs
run for whole batches by the extension of `penstock[native]`, and Python for what it does not take; `slow`: the slow
path alone."""


class ExchangeManner(Model):
    """How exchange workers make transactions.

    `transaction_records`: the most that one takes; workers take fewer by themselves where that many take too long.
    `paranoid`: a fresh epoch for every transaction, so that nothing late of one can ever touch another; slower.
    `back_end`: what makes views, see `BackEnd`; without a word `native` where it is installed, else `python`.
    """

    transaction_records: int = Field(default=5_000, ge=1, le=50_000)
    paranoid: bool = False
    back_end: BackEnd | None = None


def _named_or_word(value: Any) -> str:
    return "word" if isinstance(value, str) else "named"


class Ecosystem(Model):
    """What `ecosystem.yaml` says. Without `store` the state is SQLite under `.penstock/`."""

    version: Literal[1]
    id: Slug
    title: Text
    cluster: Annotated[
        Annotated[Literal["embedded"], Tag("word")] | Annotated[NamedCluster, Tag("named")],
        Discriminator(_named_or_word),
    ] = "embedded"
    registry: Annotated[
        Annotated[Literal["built-in"], Tag("word")] | Annotated[NamedRegistry, Tag("named")],
        Discriminator(_named_or_word),
    ] = "built-in"
    gateway: Gateway = Gateway()
    store: Annotated[
        Annotated[Literal["sqlite"], Tag("word")] | Annotated[NamedStore, Tag("named")],
        Discriminator(_named_or_word),
    ] = "sqlite"
    kms: KmsPlan = KmsPlan()
    exchange: ExchangeManner = ExchangeManner()
