"""The ecosystem's own page: which cluster, registry and store it runs on. Secrets stand in the environment or files."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, StringConstraints, Tag, model_validator

from .model import Model, Slug, Text

EnvName = Annotated[str, StringConstraints(pattern=r"^[A-Z_][A-Z0-9_]*$")]
"""The name of an environment variable that holds a secret; the secret itself is never in a document."""

Bootstrap = Annotated[str, StringConstraints(pattern=r"^[^\s,:]+:[0-9]+(,[^\s,:]+:[0-9]+)*$")]
HttpUrl = Annotated[str, StringConstraints(pattern=r"^https?://[^\s@]+$")]


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
    """A Kafka cluster that somebody else runs; Penstock then starts none."""

    bootstrap: Bootstrap
    security: Security = Security()


class NamedRegistry(Model):
    """A schema registry that somebody else runs (Confluent's REST interface)."""

    url: HttpUrl
    ca_file: Text | None = None
    username_env: EnvName | None = None
    password_env: EnvName | None = None


class NamedStore(Model):
    """A PostgreSQL database; the variable holds its SQLAlchemy URL, since that may hold a password."""

    url_env: EnvName


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
    store: Annotated[
        Annotated[Literal["sqlite"], Tag("word")] | Annotated[NamedStore, Tag("named")],
        Discriminator(_named_or_word),
    ] = "sqlite"
