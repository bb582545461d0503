"""Reads an ecosystem's documents: YAML as text only, so that each place that wants a number says so itself."""

import json
from pathlib import Path
from typing import Any

import fastavro
import yaml

Schema = Any
LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)  # the same loader in C, where it was built
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
        self.record_key = said.get("penstock.recordKey")
        self.adopt(json.loads((path.parent / said["penstock.avroSchema"]).read_text()))
        self.said: dict[str, Any] = {}
        for top in document["schema"]:
            self.read_properties(top.get("properties", []), "")

    def adopt(self, schema: Schema) -> None:
        fastavro.parse_schema(schema)
        self.schema = json.loads(json.dumps(schema))  # a copy: names are written into it
        self.types: dict[str, Schema] = {}
        name_types(self.schema, "", self.types)

    def read_properties(self, properties: list[Any], above: str) -> None:
        for one in properties:
            self.read_property(one, f"{above}.{one['name']}" if above else one["name"])

    def read_property(self, one: Any, path: str) -> None:
        """Keep what is said of each property by its path; items are those of an array as well as values of a map."""
        customs = {custom["property"]: custom["value"] for custom in one.get("customProperties", [])}
        self.said[path] = {"personal": customs.get("penstock.personalData"), "subject": customs.get("penstock.subject")}
        self.read_properties(one.get("properties", []), path)
        if "items" in one:
            mark = "{}" if self.is_map(path) else "[]"
            self.read_property(one["items"], path + mark)

    def is_map(self, path: str) -> bool:
        """Say whether the node at `path` is a map."""
        schema, space = self.schema, ""
        for name in path.replace("[]", ".[]").replace("{}", ".{}").split("."):
            kind = self.without_null(schema, space)
            if name == "[]":
                schema, space = kind["items"], kind["space"]
            elif name == "{}":
                schema, space = kind["values"], kind["space"]
            else:
                (field,) = [field for field in kind["fields"] if field["name"] == name]
                schema, space = field["type"], field["space"]
        found = self.without_null(schema, space)
        return not isinstance(found, list) and found["type"] == "map"

    def without_null(self, schema: Schema, space: str) -> Schema:
        """Return the type without null; a union of several branches stays one."""
        kind = resolved(schema, space, self.types)
        if not isinstance(kind, list):
            return kind
        rest = [branch for branch in kind if resolved(branch, space, self.types) != {"type": "null"}]
        return resolved(rest[0], space, self.types) if len(rest) == 1 else rest

    def subject_of(self, path: str) -> str | None:
        """Return the path that names whose data is at `path`, None when it is nobody's."""
        inside = [said for below, said in self.said.items() if covers(path, below) and said["personal"] is not None]
        if not inside:
            while path not in self.said:
                path = path[:-2]  # items and values are what their array or map is said to be
            inside = [self.said[path]]
        about = {said["subject"] or self.data_subject for said in inside if said["personal"] != "none"}
        if len(about) > 1:
            raise ValueError(f"{path} holds data of several people")
        return about.pop() if about else None


def read(path: Path) -> Any:
    return yaml.load(path.read_text(), LOADER)  # noqa: S506 - a base loader makes nothing but text


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


def covers(outer: str, path: str) -> bool:
    return path == outer or path.startswith((f"{outer}.", f"{outer}[", f"{outer}{{"))
