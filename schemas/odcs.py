"""A data contract from its ODCS v3.1 document and the Avro schema beside it.

What ODCS has no word for stands in `customProperties` whose names start with `penstock.`; other people's custom
properties are theirs and left alone.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from open_data_contract_standard.model import OpenDataContractStandard
from pydantic import TypeAdapter, ValidationError

from .avro_tree import Tree, tree
from .contract import DataContract
from .contract_quality import Quality
from .contract_roles import Roles, role_problems
from .contract_schema import schema_problems
from .errors import DocumentError
from .model import Slug
from .odcs_fields import Fields, contract_fields
from .odcs_properties import PREFIX, Customs, customs
from .odcs_quality import edge_problems, quality_rules
from .problem import Finding, Key, Problem
from .validation import unknown_keys, validated
from .yaml_lines import Document, Source

ReadFile = Callable[[str], bytes]
"""Gives the bytes of a file beside the contract, by its name; raises OSError when it cannot."""

MOST_PARTITIONS = 1_000
_REQUIRED = ("apiVersion", "kind", "id", "version", "status", "schema")
_NEEDED = {
    "provider": "names no provider",
    "avroSchema": "names no Avro schema",
    "eventId": "names no event id",
    "eventTime": "names no event time",
    "partitions": "says no number of partitions",
    "retention": "names no retention class",
}
_NAMES = frozenset((*_NEEDED, "recordKey", "dataSubject", "duplicateWindow", "qualityFlags", "unknownFields"))
_EXAMPLES = {
    "provider": "a member's id",
    "avroSchema": "a file beside this one",
    "eventId": "the field whose value no two events share",
    "eventTime": "the field that says when it happened",
    "partitions": f"a whole number from 1 to {MOST_PARTITIONS}",
    "retention": "a retention class of the charter",
    "recordKey": "the field whose equal values keep their order",
    "dataSubject": "the field that says whose data it is",
    "duplicateWindow": "an ISO 8601 duration such as PT1H",
    "qualityFlags": "a field at the top, a list of texts",
    "unknownFields": "refuse or drop",
}
_SEMVER = re.compile(r"[1-9][0-9]*\.[0-9]+\.[0-9]+")
_SLUG: TypeAdapter[str] = TypeAdapter(Slug)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a contract's files gave: the contract (None when they are unfit), what is wrong, what to look at.

    `source` also knows the lines of what ODCS writes in a roundabout way: `("fields", path)` for each leaf, and
    `("penstock.retention",)` and so on for our custom properties, `("quality",)` for the first of our quality rules.
    """

    contract: DataContract | None
    problems: tuple[Problem, ...]
    source: Source
    notices: tuple[Finding, ...] = ()


def read_contract(document: Document, read_file: ReadFile) -> Reading:
    """Return the data contract of an ODCS document."""
    found, problems = validated(OpenDataContractStandard, document)
    problems += unknown_keys(OpenDataContractStandard, document.value, document.source)
    if found is None or not isinstance(document.value, dict):
        return Reading(None, tuple(problems), document.source)
    raw, source = document.value, document.source
    said = customs(raw, (), source, _NAMES)
    problems += [*said.problems, *_heading(raw, source), *_needed(said, source)]
    schema, resolved = _avro(said, source, read_file, problems)
    if schema is None or resolved is None:
        return Reading(None, tuple(problems), source)
    fields = contract_fields(raw, source, resolved, said.text("dataSubject"))
    problems += fields.problems
    problems += role_problems(_roles(said), resolved, source, said.place)
    problems += edge_problems(said, resolved, source)
    quality, unfit = quality_rules(fields.quality, resolved, source)
    problems += unfit
    if problems:
        return Reading(None, tuple(problems), source)
    contract = _contract(raw, said, fields, schema, quality)
    return Reading(contract, (), _with_lines(source, said, fields), fields.notices)


def _with_lines(source: Source, said: Customs, fields: Fields) -> Source:
    of_fields: dict[Key, int] = {("fields", path): source.line(key) for path, key in fields.places.items()}
    of_customs: dict[Key, int] = {(PREFIX + name,): source.line(said.place(name)) for name in _NAMES}
    lines = {**source.lines, **of_fields, **of_customs}
    if fields.quality:
        lines["quality",] = source.line(fields.quality[0].key)
    return Source(source.file, lines)


def _contract(
    raw: Mapping[str, Any], said: Customs, fields: Fields, schema: Mapping[str, Any], quality: tuple[Quality, ...]
) -> DataContract:
    return DataContract(
        id=raw["id"],
        version=raw["version"],
        title=raw.get("name") or raw["id"],
        provider=said.values["provider"],
        event_id=said.values["eventId"],
        event_time=said.values["eventTime"],
        record_key=said.text("recordKey"),
        data_subject=said.text("dataSubject"),
        fields=fields.fields,
        schema=schema,
        partitions=said.values["partitions"],
        retention=said.values["retention"],
        duplicate_window=said.text("duplicateWindow"),
        quality=quality,
        quality_flags=said.text("qualityFlags"),
        drops_unknown=said.text("unknownFields") == "drop",
    )


def _roles(said: Customs) -> Roles:
    return Roles(said.text("eventId"), said.text("eventTime"), said.text("recordKey"), said.text("dataSubject"))


def _heading(raw: Mapping[str, Any], source: Source) -> list[Problem]:
    """Return what is wrong with the standard's own keys."""
    problems = [source.problem((name,), "is missing", "add it") for name in _REQUIRED if not raw.get(name)]
    if raw.get("apiVersion") and not str(raw["apiVersion"]).startswith("v3.1."):
        problems.append(source.problem(("apiVersion",), "must be v3.1.0", "bring the document to ODCS v3.1"))
    if raw.get("kind") and raw["kind"] != "DataContract":
        problems.append(source.problem(("kind",), "must be DataContract", "correct it"))
    if raw.get("id") and not _is_slug(raw["id"]):
        problems.append(source.problem(("id",), "must be an id", "lower-case letters, digits and hyphens inside"))
    if raw.get("version") and not _SEMVER.fullmatch(str(raw["version"])):
        problems.append(source.problem(("version",), "must be major.minor.patch", "such as 1.0.0; majors from 1"))
    if raw.get("schema") and len(raw["schema"]) != 1:
        problems.append(source.problem(("schema",), "must hold one object", "a dataset of its own for each"))
    return problems


def _is_slug(text: Any) -> bool:
    try:
        _SLUG.validate_python(text, strict=True)
    except ValidationError:
        return False
    return True


def _needed(said: Customs, source: Source) -> list[Problem]:
    problems = []
    for name, value in said.values.items():
        fits = _is_partitions(value) if name == "partitions" else isinstance(value, str) and bool(value)
        if not fits:
            problems.append(source.problem(said.place(name), f"penstock.{name} is not fit", f"write {_EXAMPLES[name]}"))
    for name, message in _NEEDED.items():
        if name not in said.values:
            remedy = f"add the custom property penstock.{name}: {_EXAMPLES[name]}"
            problems.append(source.problem(("customProperties", f"penstock.{name}"), f"the contract {message}", remedy))
    return problems


def _is_partitions(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_PARTITIONS


def _avro(
    said: Customs, source: Source, read_file: ReadFile, problems: list[Problem]
) -> tuple[Mapping[str, Any] | None, Tree | None]:
    """Return the Avro schema as parsed and as resolved, or append why there is none."""
    name = said.text("avroSchema")
    if name is None:
        return None, None
    if "/" in name or name.startswith("."):
        problems.append(source.problem(said.place("avroSchema"), "must be a file beside the contract", "move it there"))
        return None, None
    try:
        text = read_file(name)
    except OSError:
        problems.append(
            source.problem(said.place("avroSchema"), f"there is no file {name}", "write it, or name it right")
        )
        return None, None
    file = f"{source.file.rpartition('/')[0]}/{name}".lstrip("/")
    schema, broken = _json(text, file)
    resolved, unfit = (None, []) if broken else _resolved(schema, file)
    problems += broken + unfit
    return schema, resolved


def _json(text: bytes, file: str) -> tuple[Any, list[Problem]]:
    try:
        return json.loads(text, object_pairs_hook=_no_duplicates), []
    except json.JSONDecodeError as failure:
        return None, [Problem(file, failure.lineno, "", f"not JSON: {failure.msg}", "correct it")]
    except _DuplicateKeyError as failure:
        return None, [Problem(file, 1, str(failure), "written twice in one object", "keep one of the two")]
    except (UnicodeDecodeError, RecursionError):
        return None, [Problem(file, 1, "", "not JSON in UTF-8, or nested too deep", "correct it")]


class _DuplicateKeyError(Exception):
    pass


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise _DuplicateKeyError(name)
        found[name] = value
    return found


def _resolved(schema: Any, file: str) -> tuple[Tree | None, list[Problem]]:
    try:
        resolved = tree(schema)
        problems = [Problem(file, 1, path, message, remedy) for path, message, remedy in schema_problems(resolved)]
    except DocumentError as failure:
        return None, [Problem(file, 1, "", failure.message, failure.remedy)]
    return (None if problems else resolved), problems
