"""Connectors: where a provider's records come from."""

from typing import Any, Literal

from pydantic import Field

from .model import Duration, InsidePath, Model, Slug


class SourceDocument(Model):
    """One source of one dataset. `kind` names an entry point of `penstock.connectors`; `options` are that kind's.

    `path` is for kinds that read below the ecosystem's directory; whether a kind needs one is the kind's to say.
    `silence_after` is a promise of rhythm: a source that says nothing for longer is reported; without it never.
    """

    id: Slug
    kind: Slug
    dataset: Slug
    major: int = Field(default=1, ge=1)
    path: InsidePath | None = None
    format: Literal["auto", "csv", "ndjson", "avro", "json"] = "auto"
    silence_after: Duration | None = None
    options: dict[str, Any] = Field(default_factory=dict)


class Connectors(Model):
    """What `connectors.yaml` says."""

    version: Literal[1]
    sources: tuple[SourceDocument, ...] = ()
