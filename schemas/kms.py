"""Where the keys that wrap all others are: which KMS holds the KEK of the ecosystem, and which that of each member."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from .model import EnvName, HttpUrl, Model, Slug, Text

KeyName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$")]
MountPath = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_./-]{0,127}$")]


class FileKek(Model):
    """A KEK in a file of the ecosystem's state: for development. Who reads the file reads every key under it."""

    kind: Literal["file"]


class TransitKek(Model):
    """A KEK in the transit engine of HashiCorp Vault or OpenBao: `key`, of type aes256-gcm96, not derived, at `mount`.

    `token_env` names the variable that holds the token. `certificate_file` and `key_file` are shown to the server,
    `ca_file` says whose certificate of it is believed; files lie below the directory.
    """

    kind: Literal["transit"]
    url: HttpUrl
    key: KeyName
    mount: MountPath = "transit"
    namespace: Text | None = None
    token_env: EnvName
    ca_file: Text | None = None
    certificate_file: Text | None = None
    key_file: Text | None = None


class Pkcs11Kek(Model):
    """A KEK in a hardware security module: AES-256 secret keys labelled `key` on the token labelled `token`.

    `module` is the library that speaks to the module; `pin_env` names the variable that holds the user PIN.
    """

    kind: Literal["pkcs11"]
    module: Text
    token: Text
    key: KeyName
    pin_env: EnvName


NamedKek = Annotated[FileKek | TransitKek | Pkcs11Kek, Field(discriminator="kind")]


class KmsPlan(Model):
    """Who keeps which KEK. A member that `members` does not name has its keys under the ecosystem's.

    `cached_seconds`: so long store keys are good after a KMS opened them; an outage is not felt before half of it.
    """

    ecosystem: NamedKek = FileKek(kind="file")
    members: dict[Slug, NamedKek] = Field(default_factory=dict)
    cached_seconds: int = Field(default=900, ge=2, le=86_400)
