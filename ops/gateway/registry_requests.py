"""What requests to the schema registry do: from its state to records for the topic, or a refusal. Pure."""

import json
from collections.abc import Mapping
from typing import Any

from ...schemas.avro_tree import emit, tree
from ...schemas.compatibility import Compatibility, compatible, valid
from ...schemas.errors import DocumentError
from ...schemas.registry_records import (
    RegistryRecord,
    config_record,
    delete_subject_record,
    highest_id_record,
    mode_record,
    schema_record,
    schema_tombstone,
)
from . import registry_errors as errors
from .registry_state import RegistryState, Version, identity

MODES = frozenset(("READWRITE", "READONLY", "READONLY_OVERRIDE", "IMPORT"))
HIGHEST = (1 << 31) - 1
_MOST_TEXT = 900_000
_ORDER = ("type", "name", "namespace", "doc", "aliases", "fields", "items", "values", "symbols", "size", "default")

Records = list[RegistryRecord]


def schema_text(body: Mapping[str, Any], *, normalize: bool) -> str:
    """Return the Avro schema of a request as the JSON text it is stored as. Raises RegistryError (42201)."""
    if (body.get("schemaType") or "AVRO") != "AVRO":
        raise errors.invalid_schema("this registry holds Avro schemas only")
    if body.get("references"):
        raise errors.invalid_schema("references to other subjects are not supported: put the types into the schema")
    if body.get("metadata") or body.get("ruleSet"):
        raise errors.invalid_schema("metadata and rules are not supported: safeguards are part of agreements")
    text = body.get("schema")
    if not isinstance(text, str) or len(text) > _MOST_TEXT:
        raise errors.invalid_schema("`schema` must be the schema as text, not larger than 900 kB")
    try:
        schema = json.loads(text)
        valid(schema)
        resolved = tree(schema) if normalize else None
        stored = _ordered(emit(resolved, resolved.root)) if resolved else schema
        return json.dumps(stored, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    except DocumentError as error:
        raise errors.invalid_schema(error.message) from None
    except (ValueError, RecursionError):
        raise errors.invalid_schema("it is not JSON, or nested too deeply") from None


def _ordered(node: Any) -> Any:
    """Return a type with its properties in one order, for schemas that say the same in another way."""
    if isinstance(node, list):
        return [_ordered(item) for item in node]
    if not isinstance(node, dict):
        return node
    ranked = sorted(node, key=lambda key: (_ORDER.index(key) if key in _ORDER else len(_ORDER), key))
    return {key: node[key] if key == "default" else _ordered(node[key]) for key in ranked}


def register(state: RegistryState, subject: str, schema: str, wanted: Mapping[str, Any]) -> tuple[int, Records]:
    """Return the schema's id and what to write. `wanted` may hold `id` and `version`, in mode IMPORT only."""
    _check_subject(subject)
    mode = state.mode(subject)
    if wanted.get("id") is not None or mode == "IMPORT":
        return _import(state, subject, schema, wanted)
    there = find(state, subject, schema)
    if there is not None:
        return there.id, []
    _check_writable(state, subject)
    refused = obstacles(state, subject, schema, state.live(subject))
    if refused:
        raise errors.incompatible(refused)
    schema_id = state.id_of(schema) or state.highest_id + 1
    if schema_id > HIGHEST:
        raise errors.store_failed("no schema id is left")
    return schema_id, [schema_record(subject, _next_version(state, subject), schema_id, schema)]


def _import(state: RegistryState, subject: str, schema: str, wanted: Mapping[str, Any]) -> tuple[int, Records]:
    schema_id, version = wanted.get("id"), wanted.get("version")
    if state.mode(subject) != "IMPORT":
        raise errors.not_permitted(f"Subject {subject} is not in import mode")
    if type(schema_id) is not int or not 0 < schema_id <= HIGHEST:
        raise errors.not_permitted(f"Subject {subject} is in import mode: the schema's id must be given")
    there = state.id_of(schema)
    taken = next(iter(state.holders(schema_id)), None) if schema_id in state.ids else None
    if there not in (None, schema_id) or (taken and identity(taken.schema) != identity(schema)):
        raise errors.not_permitted(f"Overwrite new schema with id {schema_id} is not permitted.")
    number = _next_version(state, subject) if version in (None, -1) else version
    if type(number) is not int or not 0 < number <= HIGHEST:
        raise errors.invalid_version(str(version))
    return schema_id, [schema_record(subject, number, schema_id, schema)]


def find(state: RegistryState, subject: str, schema: str, *, deleted: bool = False) -> Version | None:
    """Return the newest version of a subject that is this schema."""
    held = state.versions(subject) if deleted else state.live(subject)
    wanted = identity(schema)
    return next((one for one in reversed(held) if identity(one.schema) == wanted), None)


def obstacles(state: RegistryState, subject: str, schema: str, against: list[Version]) -> list[str]:
    """Return why a schema may not follow the versions `against` under the subject's level."""
    olds = [json.loads(one.schema) for one in against]
    return compatible(state.level(subject), json.loads(schema), olds)


def delete_version(state: RegistryState, subject: str, number: int | None, *, permanent: bool) -> tuple[int, Records]:
    """Return the deleted version and what to write."""
    _check_writable(state, subject)
    held = state.version(subject, number, deleted=permanent or number is not None)
    if permanent:
        if not held.deleted:
            raise errors.version_is_not_deleted(subject, held.version)
        return held.version, [highest_id_record(state.highest_id), schema_tombstone(subject, held.version)]
    if held.deleted:
        raise errors.version_is_deleted(subject, held.version)
    return held.version, [schema_record(subject, held.version, held.id, held.schema, deleted=True)]


def delete_subject(state: RegistryState, subject: str, *, permanent: bool) -> tuple[list[int], Records]:
    """Return the deleted versions and what to write."""
    _check_writable(state, subject)
    held, live = state.versions(subject), state.live(subject)
    if not held:
        raise errors.subject_not_found(subject)
    if permanent:
        if live:
            raise errors.subject_is_not_deleted(subject)
        gone = [schema_tombstone(subject, one.version) for one in held]
        return [one.version for one in held], [highest_id_record(state.highest_id), *gone]
    if not live:
        raise errors.subject_is_deleted(subject)
    records = [delete_subject_record(subject, held[-1].version)]
    if subject in state.levels:
        records.append(config_record(subject, None))
    if subject in state.modes:
        records.append(mode_record(subject, None))
    return [one.version for one in live], records


def set_level(subject: str | None, body: Mapping[str, Any]) -> tuple[str, Records]:
    """Return the compatibility level and what to write."""
    wanted = body.get("compatibility") or body.get("compatibilityLevel")
    more = sorted(key for key in body if key not in {"compatibility", "compatibilityLevel"} and body[key] is not None)
    if more:
        raise errors.invalid_compatibility(f"only `compatibility` can be set here, not {', '.join(more)}")
    level = str(wanted or "").upper()
    if level not in set(Compatibility):
        raise errors.invalid_compatibility(f"it must be one of {', '.join(Compatibility)}")
    return level, [config_record(_settable(subject), level)]


def delete_level(state: RegistryState, subject: str | None) -> tuple[str, Records]:
    """Return the level that was taken back and what to write."""
    if subject is not None and subject not in state.levels:
        raise errors.subject_not_found(subject)
    return state.level(subject), [config_record(subject, None)]


def set_mode(state: RegistryState, subject: str | None, body: Mapping[str, Any], *, force: bool) -> tuple[str, Records]:
    """Return the mode and what to write."""
    mode = str(body.get("mode") or "").upper()
    if mode not in MODES:
        raise errors.invalid_mode(f"it must be one of {', '.join(sorted(MODES))}")
    held = state.versions(subject) if subject is not None else state.subjects(deleted=True)
    if mode == "IMPORT" and held and not force:
        raise errors.not_permitted("Cannot import since found existing subjects: use force=true")
    return mode, [mode_record(_settable(subject), mode)]


def delete_mode(state: RegistryState, subject: str | None) -> tuple[str, Records]:
    """Return the mode that was taken back and what to write."""
    if subject is not None and subject not in state.modes:
        raise errors.subject_not_found(subject)
    return state.mode(subject), [mode_record(subject, None)]


def _next_version(state: RegistryState, subject: str) -> int:
    held = state.versions(subject)
    return held[-1].version + 1 if held else 1


def _check_writable(state: RegistryState, subject: str) -> None:
    if state.mode(subject).startswith("READONLY"):
        raise errors.not_permitted(f"Subject {subject} is in read-only mode")


def _settable(subject: str | None) -> str | None:
    if subject is not None:
        _check_subject(subject)
    return subject


def _check_subject(subject: str) -> None:
    """Refuse what Confluent's registry would understand as a context or reserves for itself."""
    if (
        not subject.strip()
        or subject.startswith(":")
        or subject in {"__GLOBAL", "__EMPTY"}
        or not subject.isprintable()
    ):
        raise errors.invalid_subject(subject)
