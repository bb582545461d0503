"""Store, KMS and registry: whether they answer, and whether they belong together."""

from collections.abc import Iterator

from ..wiring import Wiring
from .result import Result, well


def key_store(wiring: Wiring) -> Iterator[Result]:
    """Open a secret of the store: that takes the database, the KMS and a KEK that fits."""
    wiring.key_store().reference_secret()
    yield well("key store", "it answers, and the KEK opens it")


def registry(wiring: Wiring) -> Iterator[Result]:
    """Ask the registry for a schema that cannot be there: an answer is what counts."""
    wiring.registry().schema(2**31 - 1)
    yield well("registry", "it answers")
