"""Which schema may follow which: the seven compatibility modes of Confluent's registry, judged by Apache Avro."""

import json
import warnings
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Any

import avro.schema
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType

from .errors import DocumentError


class Compatibility(StrEnum):
    """BACKWARD: the new schema reads old data. FORWARD: the old schema reads new data. FULL: both.

    TRANSITIVE: against every earlier version, else against the newest one only.
    """

    NONE = "NONE"
    BACKWARD = "BACKWARD"
    BACKWARD_TRANSITIVE = "BACKWARD_TRANSITIVE"
    FORWARD = "FORWARD"
    FORWARD_TRANSITIVE = "FORWARD_TRANSITIVE"
    FULL = "FULL"
    FULL_TRANSITIVE = "FULL_TRANSITIVE"

    @property
    def backward(self) -> bool:
        return self.startswith(("BACKWARD", "FULL"))

    @property
    def forward(self) -> bool:
        return self.startswith(("FORWARD", "FULL"))

    @property
    def transitive(self) -> bool:
        return self.endswith("_TRANSITIVE")


def valid(schema: Any) -> avro.schema.Schema:
    """Return `schema` as Apache Avro understands it. Raises DocumentError when it does not."""
    try:
        with warnings.catch_warnings():
            # A logical type that does not fit its type is to be ignored, says the specification.
            warnings.simplefilter("ignore")
            return avro.schema.parse(json.dumps(schema))
    except RecursionError:
        raise DocumentError("the Avro schema is nested too deeply", remedy="flatten it") from None
    except Exception as error:  # noqa: BLE001 - Apache avro raises whatever its walk runs into
        raise DocumentError(f"not a valid Avro schema: {error}", remedy="correct it") from None


def compatible(mode: str, new: Any, olds: Sequence[Any]) -> list[str]:
    """Return why `new` may not follow `olds` (the oldest first) under `mode`; an empty list where it may.

    Raises DocumentError for an unknown mode or an invalid schema.
    """
    try:
        wanted = Compatibility(mode)
    except ValueError:
        raise DocumentError(f"`{mode}` is no compatibility mode", remedy=f"use {', '.join(Compatibility)}") from None
    fresh = valid(new)
    against = range(len(olds)) if wanted.transitive else range(len(olds))[-1:]
    if wanted is Compatibility.NONE:
        return []
    return [
        f"{message} (against version {index + 1} of {len(olds)})"
        for index in against
        for message in _messages(wanted, fresh, valid(olds[index]))
    ]


def _messages(mode: Compatibility, new: avro.schema.Schema, old: avro.schema.Schema) -> Iterator[str]:
    if mode.backward:
        yield from (f"the new schema cannot read old data: {why}" for why in _obstacles(reader=new, writer=old))
    if mode.forward:
        yield from (f"the old schema cannot read new data: {why}" for why in _obstacles(reader=old, writer=new))


def _obstacles(*, reader: avro.schema.Schema, writer: avro.schema.Schema) -> list[str]:
    checker = ReaderWriterCompatibilityChecker()  # type: ignore[no-untyped-call]
    result = checker.get_compatibility(reader, writer)
    if result.compatibility is SchemaCompatibilityType.compatible:
        return []
    kinds = ", ".join(sorted({kind.name for kind in result.incompatibilities}))
    return [f"{kinds} at {', '.join(sorted(result.locations))}: {'; '.join(sorted(result.messages))}"]
