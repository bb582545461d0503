"""Connectors: where a provider's records come from."""

from typing import Any, Literal

from pydantic import Field

from .model import InsidePath, Model, Slug


class SourceDocument(Model):
    """One source of one dataset. `kind` names an entry point of `penstock.connectors`; `options` are that kind's."""

    id: Slug
    kind: Slug
    dataset: Slug
    major: int = Field(default=1, ge=1)
    path: InsidePath
    format: Literal["auto", "csv", "ndjson", "avro"] = "auto"
    options: dict[str, Any] = Field(default_factory=dict)


class Connectors(Model):
    """What `connectors.yaml` says."""

    version: Literal[1]
    sources: tuple[SourceDocument, ...] = ()
