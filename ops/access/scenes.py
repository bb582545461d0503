"""What rights follow from, gathered: what is in force, the documents that roles run for, credentials that ended."""

from collections.abc import Mapping
from pathlib import Path

from ...processors.access import Scene
from ...schemas.errors import DocumentError
from ...schemas.generation import Generation
from ..documents.load import connectors_of, read
from ..store.credentials import CredentialStore


class Scenes:
    """Makes scenes of one ecosystem. Documents may be in the making: what cannot be read is left as it is."""

    def __init__(self, root: Path, ecosystem: str, credentials: CredentialStore) -> None:
        self._root = root
        self._ecosystem = ecosystem
        self._credentials = credentials

    def __call__(self, generation: Generation | None, at_ms: int) -> Scene:
        """Return the scene for `generation` at `at_ms`."""
        documents, _ = read(self._root)
        return Scene(
            ecosystem=self._ecosystem,
            generation=generation,
            at_ms=at_ms,
            datasets=frozenset(documents.contracts if documents else ()),
            sources=self._sources(),
            barred=self._credentials.ended(at_ms),
        )

    def _sources(self) -> Mapping[str, str] | None:
        try:
            return {one.id: one.dataset for one in connectors_of(self._root).sources}
        except DocumentError:
            return None
