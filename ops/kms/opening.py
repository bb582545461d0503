"""From what `ecosystem.yaml` says of a KEK to the KMS that holds it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ...schemas.kms import NamedKek, TransitKek
from ...schemas.ports import Kms
from ..store.kms_file import FileKms
from .patient import PatientKms
from .transit import TransitKms, transit_client


@dataclass(frozen=True, slots=True)
class KekPlace:
    """What a KMS is opened with besides its document.

    `file` is where a KEK of kind `file` lies, made if `create`; `secret` gives what an environment variable holds.
    """

    root: Path
    file: Path
    create: bool
    secret: Callable[[str], str]


def open_kms(named: NamedKek, place: KekPlace) -> Kms:
    """Return a KMS, asked again for a while when it does not answer.

    Raises ConfigurationError when its client is not installed or a secret is not in the environment.
    """
    if isinstance(named, TransitKek):
        return PatientKms(_transit(named, place))
    return FileKms(place.file, create=place.create)


def _transit(named: TransitKek, place: KekPlace) -> Kms:
    def at(file: str | None) -> str | None:
        return str(place.root / file) if file else None

    certificate, key = at(named.certificate_file), at(named.key_file)
    client = transit_client(
        named.url,
        place.secret(named.token_env),
        namespace=named.namespace,
        verify=at(named.ca_file) or True,
        cert=(certificate, key) if certificate and key else None,
    )
    return TransitKms(client, named.key, named.mount, f"{named.url}/{named.mount}/{named.key}")
