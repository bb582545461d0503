"""What the schema registry knows: the `_schemas` topic, folded. Pure: records in, answers out."""

import json
import logging
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any

from ...schemas.canonical import digest
from ...schemas.compatibility import Compatibility
from ...schemas.errors import RecordError
from ...schemas.registry_records import RegistryRecord, read
from .registry_errors import schema_not_found, subject_not_found, version_not_found

DEFAULT_COMPATIBILITY = Compatibility.BACKWARD.value
DEFAULT_MODE = "READWRITE"
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a subject. `schema` is JSON text, as it is handed out."""

    subject: str
    version: int
    id: int
    schema: str
    deleted: bool


def identity(schema: str) -> str:
    """Return what two texts of the same schema share, however they are spaced and ordered."""
    return digest(json.loads(schema))


class RegistryState:
    """All subjects, versions, ids, compatibility levels and modes. Not thread-safe."""

    def __init__(self) -> None:
        self.highest_id = 0
        self.levels: dict[str | None, str] = {}
        self.modes: dict[str | None, str] = {}
        self._subjects: dict[str, dict[int, Version]] = {}
        self._holders: dict[int, dict[tuple[str, int], Version]] = {}
        self._ids: dict[str, int] = {}

    def apply(self, records: Iterable[RegistryRecord]) -> None:
        """Take records in, in the order of the topic. One that cannot be read is told to the log and passed over."""
        for record in records:
            try:
                key, value = read(record)
                self._apply(key, value)
            except (RecordError, KeyError, TypeError, ValueError) as error:
                log.warning("a record of _schemas is passed over: it is of no known form (%s)", type(error).__name__)

    def _apply(self, key: dict[str, Any], value: dict[str, Any] | None) -> None:
        match key["keytype"]:
            case "SCHEMA":
                self._put(key["subject"], int(key["version"]), value)
            case "CONFIG":
                _set(self.levels, key.get("subject"), (value or {}).get("compatibilityLevel"))
            case "MODE":
                _set(self.modes, key.get("subject"), (value or {}).get("mode"))
            case "DELETE_SUBJECT" if value:
                self._delete_subject(key["subject"], int(value["version"]))
            case "NOOP" if value:
                self.highest_id = max(self.highest_id, int(value.get("highestId", 0)))

    def _put(self, subject: str, number: int, value: dict[str, Any] | None) -> None:
        if value is None:
            self._forget(subject, number)
            return
        if value.get("schemaType", "AVRO") != "AVRO":
            raise ValueError("another kind of schema")
        held = Version(subject, number, int(value["id"]), str(value["schema"]), bool(value.get("deleted", False)))
        known = identity(held.schema)
        self._forget(subject, number)
        self._hold(held)
        self._ids.setdefault(known, held.id)

    def _hold(self, held: Version) -> None:
        self._subjects.setdefault(held.subject, {})[held.version] = held
        self._holders.setdefault(held.id, {})[held.subject, held.version] = held
        self.highest_id = max(self.highest_id, held.id)

    def _forget(self, subject: str, number: int) -> None:
        held = self._subjects.get(subject, {}).pop(number, None)
        if held is None:
            return
        if not self._subjects[subject]:
            del self._subjects[subject]
        del self._holders[held.id][subject, number]
        if not self._holders[held.id]:
            del self._holders[held.id]
            known = identity(held.schema)
            if self._ids.get(known) == held.id:
                del self._ids[known]

    def _delete_subject(self, subject: str, up_to: int) -> None:
        for number, held in self._subjects.get(subject, {}).items():
            if number <= up_to:
                gone = replace(held, deleted=True)
                self._subjects[subject][number] = self._holders[held.id][subject, number] = gone

    def subjects(self, *, deleted: bool = False) -> list[str]:
        """Return the subjects that have a version; with `deleted` also those whose versions are all deleted."""
        return sorted(name for name in self._subjects if deleted or self.live(name))

    def versions(self, subject: str) -> list[Version]:
        """Return all versions of a subject, the deleted ones too, the oldest first."""
        held = self._subjects.get(subject, {})
        return [held[number] for number in sorted(held)]

    def live(self, subject: str) -> list[Version]:
        """Return the versions of a subject that are not deleted, the oldest first."""
        return [held for held in self.versions(subject) if not held.deleted]

    def version(self, subject: str, number: int | None, *, deleted: bool = False) -> Version:
        """Return a version, the latest for None. Raises RegistryError (40401, 40402) when there is none."""
        known = self.versions(subject)
        held = known if deleted else [one for one in known if not one.deleted]
        if not held:
            raise subject_not_found(subject)
        if number is None:
            return held[-1]
        found = next((one for one in held if one.version == number), None)
        if found is None:
            raise version_not_found(number)
        return found

    def holders(self, schema_id: int) -> list[Version]:
        """Return every version with that id, deleted ones too. Raises RegistryError (40403) when there is none."""
        held = self._holders.get(schema_id)
        if not held:
            raise schema_not_found(schema_id)
        return [held[place] for place in sorted(held)]

    def only(self, subjects: Collection[str]) -> "RegistryState":
        """Return what there would be without any other subject. To be read, not written by: it knows no schema's id."""
        part = RegistryState()
        part.levels = {one: level for one, level in self.levels.items() if one is None or one in subjects}
        part.modes = {one: mode for one, mode in self.modes.items() if one is None or one in subjects}
        for subject in subjects:
            for held in self.versions(subject):
                part._hold(held)
        return part

    @property
    def ids(self) -> Collection[int]:
        return self._holders.keys()

    def id_of(self, schema: str) -> int | None:
        """Return the id that a schema has under any subject."""
        return self._ids.get(identity(schema))

    def level(self, subject: str | None) -> str:
        """Return the compatibility level that counts for a subject."""
        return self.levels.get(subject) or self.levels.get(None) or DEFAULT_COMPATIBILITY

    def mode(self, subject: str | None) -> str:
        """Return the mode that counts for a subject. READONLY_OVERRIDE for everybody overrides every subject's."""
        everybody = self.modes.get(None) or DEFAULT_MODE
        return everybody if everybody == "READONLY_OVERRIDE" else self.modes.get(subject) or everybody


def _set(table: dict[str | None, str], subject: str | None, setting: str | None) -> None:
    if setting:
        table[subject] = setting
    else:
        table.pop(subject, None)
