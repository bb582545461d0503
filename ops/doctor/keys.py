"""Store, KMS and registry: whether they answer, and whether they belong together."""

from collections.abc import Iterator

from ...schemas.kms import FileKek
from ..wiring import Wiring
from .result import Result, Verdict, well


def key_store(wiring: Wiring) -> Iterator[Result]:
    """Open a secret of the store: that takes the database, the KMS and a KEK that fits."""
    wiring.key_store().reference_secret()
    yield well("key store", "it answers, and the KEK opens it")


def kms(wiring: Wiring) -> Iterator[Result]:
    """Ask each KMS that is named how it is, and say which KEKs lie in files."""
    plan = wiring.ecosystem.kms
    for member, named in {"": plan.ecosystem, **plan.members}.items():
        whose = member or "the ecosystem"
        said = wiring.kms(member=member).health()
        if said is not None:
            yield Result("KMS", Verdict.ILL, f"{whose}: {said}", "its agreements wait for it", "PenstockKmsDown")
        elif isinstance(named, FileKek):
            yield well("KMS", f"{whose}: the KEK is in a file, for development (docs/keys.md)")
        else:
            yield well("KMS", f"{whose}: {named.kind}, it answers")


def registry(wiring: Wiring) -> Iterator[Result]:
    """Ask the registry for a schema that cannot be there: an answer is what counts."""
    wiring.registry().schema(2**31 - 1)
    yield well("registry", "it answers")
