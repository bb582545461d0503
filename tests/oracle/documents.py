"""Reads an ecosystem's documents: YAML as text only, so that each place that wants a number says so itself."""

import json
from pathlib import Path
from typing import Any

import fastavro
import yaml

Schema = Any
PRIMITIVES = {"null", "boolean", "int", "long", "float", "double", "bytes", "string"}


class Documents:
    """What a directory says: `charter`, `agreements` by id, `contracts` by dataset."""

    def __init__(self, directory: Path) -> None:
        self.charter = read(directory / "charter.yaml")
        texts = sorted((directory / "agreements").glob("*.yaml"))
        agreements = [read(path) for path in texts if not path.name.endswith(".signatures.yaml")]
        self.agreements = {made["id"]: made for made in agreements}
        self.contracts = {
            made.dataset: made for made in map(Contract, sorted((directory / "contracts").glob("*.odcs.yaml")))
        }


class Contract:
    """What the judge needs of a data contract, whose Avro schema stands beside it."""

    def __init__(self, path: Path) -> None:
        document = read(path)
        said = {one["property"]: one["value"] for one in document["customProperties"]}
        self.dataset = document["id"]
        self.event_id = said["penstock.eventId"]
        self.event_time = said["penstock.eventTime"]
        self.data_subject = said.get("penstock.dataSubject")
        self.schema = json.loads((path.parent / said["penstock.avroSchema"]).read_text())
        fastavro.parse_schema(self.schema)
        self.types: dict[str, Schema] = {}
        name_types(self.schema, "", self.types)


def read(path: Path) -> Any:
    return yaml.load(path.read_text(), yaml.BaseLoader)  # noqa: S506 - BaseLoader makes nothing but text


def name_types(schema: Schema, space: str, types: dict[str, Schema]) -> None:
    """Put every named type into `types` under its full name, its own `name` and inner references made full."""
    if isinstance(schema, list):
        for branch in schema:
            name_types(branch, space, types)
    if not isinstance(schema, dict):
        return
    kind = schema["type"]
    if kind in {"record", "enum", "fixed"}:
        space = schema.get("namespace", space)
        if "." in schema["name"]:
            space = schema["name"].rpartition(".")[0]
        full = f"{space}.{schema['name'].rpartition('.')[2]}" if space else schema["name"]
        types[full] = schema
        schema["full"] = full
        for field in schema.get("fields", ()):
            name_types(field["type"], space, types)
            field["space"] = space
    elif kind == "array":
        name_types(schema["items"], space, types)
        schema["space"] = space
    elif kind == "map":
        name_types(schema["values"], space, types)
        schema["space"] = space
    elif not isinstance(kind, str):
        name_types(kind, space, types)


def resolved(schema: Schema, space: str, types: dict[str, Schema]) -> Schema:
    """Return a type that is no mere name: a union as a list, anything else as a dict."""
    if isinstance(schema, list):
        return schema
    if isinstance(schema, str):
        if schema in PRIMITIVES:
            return {"type": schema}
        return types[schema if "." in schema or not space else f"{space}.{schema}"]
    if schema["type"] in {"record", "enum", "fixed", "array", "map"} or schema["type"] in PRIMITIVES:
        return schema
    return resolved(schema["type"], space, types)
