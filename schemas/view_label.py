"""The schema of an agreement's view as it is registered: derived, and labelled with what its encrypted fields need."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from .agreement import Agreement
from .contract import DataContract
from .errors import DocumentError
from .view_schema import derive_view

VIEW = "penstock.view"
"""Property of a view schema's top record: what binds its encrypted fields besides their place."""


@dataclass(frozen=True, slots=True)
class ViewLabel:
    """What is the same for all records of a view. `event_id` is the path of the view's event id."""

    agreement: str
    dataset: str
    major: int
    event_id: str


def view_schema_of(contract: DataContract, agreement: Agreement) -> dict[str, Any]:
    """Return the view schema to register for an agreement. Raises DocumentError as `derive_view` does."""
    label = ViewLabel(agreement.id, contract.id, contract.major, contract.event_id)
    return label_view(derive_view(contract.schema, agreement.fields, agreement.id), label)


def label_view(schema: Mapping[str, Any], label: ViewLabel) -> dict[str, Any]:
    """Return a view schema that carries its label."""
    return {**schema, VIEW: asdict(label)}


def view_label(schema: Mapping[str, Any]) -> ViewLabel:
    """Return the label of a view schema. Raises DocumentError when it has none."""
    said = schema.get(VIEW)
    if isinstance(said, Mapping) and said.keys() == set(ViewLabel.__slots__):
        return ViewLabel(**said)
    raise DocumentError(
        f"the view schema has no property {VIEW}", remedy="read the schema from the registry, unchanged"
    )
