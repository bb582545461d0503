"""JSON Schemas of the documents, for editors that complete and check YAML while it is written."""

from typing import Any

from pydantic import BaseModel

from .agreement import Agreement
from .charter import Charter
from .connectors import Connectors
from .ecosystem import Ecosystem
from .scenario import Scenario
from .signature import Signatures

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_MODELS: dict[str, type[BaseModel]] = {
    "agreement": Agreement,
    "charter": Charter,
    "connectors": Connectors,
    "ecosystem": Ecosystem,
    "scenario": Scenario,
    "signatures": Signatures,
}


def json_schemas() -> dict[str, dict[str, Any]]:
    """Return each document's JSON Schema by the document's name; data contracts have ODCS's own."""
    return {name: {"$schema": DIALECT, **model.model_json_schema()} for name, model in _MODELS.items()}
