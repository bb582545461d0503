"""Writer schemas that a generation does not name: garbage, or a schema on its way."""

from collections.abc import Mapping
from typing import Any, Protocol

from ..schemas.errors import RecordError, RefusedError, UnavailableError
from ..schemas.generation import ContractInForce
from ..schemas.reasons import Refusal

MOST_UNKNOWN = 100_000


class Schemas(Protocol):
    """Looks writer schemas up. Raises UnavailableError and RefusedError as `RegistryClient` does."""

    def schema(self, schema_id: int) -> Mapping[str, Any] | None:
        """Return the schema of an id; None when there is none."""
        ...


class Writers:
    """Looks writer schemas up for one generation: only a schema that `apply` brought may be decoded.

    Asked once for each id, so that garbage costs little.
    """

    def __init__(self, registry: Schemas, held: ContractInForce) -> None:
        self._registry = registry
        self._held = held
        self._unknown: set[int] = set()

    def ask(self, schema_id: int) -> Mapping[str, Any]:
        """Return a schema. Raises RecordError (`unknown_schema`), UnavailableError when the registry does not say."""
        schema = None if schema_id in self._unknown else self._look_up(schema_id)
        if schema is not None and any(schema == brought for brought in self._held.writers.values()):
            return schema
        if len(self._unknown) < MOST_UNKNOWN:
            self._unknown.add(schema_id)
        raise RecordError(
            Refusal.UNKNOWN_SCHEMA,
            f"schema id {schema_id} is none that `penstock apply` brought for {self._held.contract.topic}",
            remedy="add the schema to the data contract and apply it",
        )

    def _look_up(self, schema_id: int) -> Mapping[str, Any] | None:
        try:
            return self._registry.schema(schema_id)
        except RefusedError as refused:
            # Of our credentials, not of this record: it waits until somebody mends them.
            raise UnavailableError(refused.message, place=refused.place, remedy=refused.remedy) from None
