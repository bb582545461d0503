"""The fields of a data contract: what the ODCS properties say about each leaf of the Avro schema."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from .avro_paths import node_at, tree_leaves
from .avro_tree import Tree
from .contract import Classification, ContractField, PersonalData
from .errors import DocumentError
from .odcs_properties import Customs, customs
from .odcs_quality import Entry, entries
from .problem import Finding, Key, Level, Problem, did_you_mean
from .yaml_lines import Source

_KNOWN = frozenset(("personalData", "subject"))
_MARKS = {"array": "[]", "map": "{}"}

E = TypeVar("E", Classification, PersonalData)


@dataclass(frozen=True, slots=True)
class Fields:
    """Every leaf's field by path, what is wrong, what was left open and therefore closed, and where fields stand.

    `quality` are the entries of our quality rules, as written.
    """

    fields: Mapping[str, ContractField]
    problems: tuple[Problem, ...]
    notices: tuple[Finding, ...]
    places: Mapping[str, Key]
    quality: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class _Said:
    """What one ODCS property says of the field at `path`; None where it says nothing."""

    path: str
    key: Key
    classification: Classification | None
    personal: PersonalData | None
    subject: str | None


def contract_fields(raw: Mapping[str, Any], source: Source, resolved: Tree, data_subject: str | None) -> Fields:
    """Return the fields of the ODCS document `raw` over the Avro schema `resolved`."""
    reader = _Reader(source, resolved)
    for position, item in enumerate(raw.get("schema") or ()):
        reader.quality += entries(item, ("schema", position), "")
        reader.properties(item.get("properties"), ("schema", position), "")
    fields: dict[str, ContractField] = {}
    notices: list[Finding] = []
    places: dict[str, Key] = {}
    for leaf in tree_leaves(resolved, resolved.root, "", ()):
        said = _of_leaf(reader.said, leaf.path)
        fields[leaf.path] = _field(leaf.path, said, data_subject)
        places[leaf.path] = said.key if said else ("schema",)
        notices += _left_open(leaf.path, said, data_subject, source)
    problems = (*reader.problems, *_subject_problems(reader.said, fields, source))
    return Fields(fields, problems, tuple(notices), places, tuple(reader.quality))


def _of_leaf(said: Mapping[str, _Said], path: str) -> _Said | None:
    """Return what is said of a leaf: items of an array and values of a map share what is said of the whole."""
    while path not in said and path[-1] in "]}":
        path = path[:-2]
    return said.get(path)


def _field(path: str, said: _Said | None, data_subject: str | None) -> ContractField:
    classification = (said and said.classification) or Classification.RESTRICTED
    personal = said.personal if said else None
    if personal is None:
        personal = PersonalData.PERSONAL if data_subject else PersonalData.NONE
    subject = (said and said.subject) or data_subject
    return ContractField(path, classification, personal, None if personal is PersonalData.NONE else subject)


def _left_open(path: str, said: _Said | None, data_subject: str | None, source: Source) -> Iterator[Finding]:
    if said is None or said.classification is None:
        key = said.key if said else ("schema",)
        message = f"`{path}` is unclassified: treated as restricted"
        yield _warning(source, key, path, message, "classify it: public, internal, confidential or restricted")
    elif said.personal is None and data_subject:
        message = f"`{path}` has no personal-data category: treated as personal"
        yield _warning(source, said.key, path, message, "add the custom property penstock.personalData")


def _warning(source: Source, key: Key, path: str, message: str, remedy: str) -> Finding:
    return Finding(source.file, source.line(key), path, message, remedy, Level.WARNING)


def _subject_problems(
    said: Mapping[str, _Said], fields: Mapping[str, ContractField], source: Source
) -> Iterator[Problem]:
    for one in said.values():
        if one.subject and one.subject not in fields:
            message, remedy = f"the subject `{one.subject}` is no field", did_you_mean(one.subject, fields)
            yield source.problem((*one.key, "customProperties"), message, remedy)
        elif one.subject and ("[]" in one.subject or "{}" in one.subject):
            message = f"the subject `{one.subject}` has many values"
            yield source.problem((*one.key, "customProperties"), message, "name a field outside arrays and maps")


class _Reader:
    """Walks ODCS properties beside the Avro schema."""

    def __init__(self, source: Source, resolved: Tree) -> None:
        self.said: dict[str, _Said] = {}
        self.problems: list[Problem] = []
        self.quality: list[Entry] = []
        self._source = source
        self._tree = resolved

    def properties(self, raw: Any, key: Key, above: str) -> None:
        for position, one in enumerate(raw or ()):
            place = (*key, "properties", position)
            name = one.get("name")
            if not name:
                self.problems.append(self._source.problem((*place, "name"), "is missing", "add it"))
                continue
            self._property(one, place, f"{above}.{name}" if above else name)

    def _property(self, raw: Mapping[str, Any], key: Key, path: str) -> None:
        mark = self._mark(path, key)
        if mark is None:
            return
        if path in self.said:
            self.problems.append(self._source.problem(key, f"`{path}` is described twice", "keep one of the two"))
            return
        self.said[path] = self._said(raw, key, path)
        self.quality += entries(raw, key, path)
        if raw.get("items"):
            self._items(raw["items"], (*key, "items"), path, mark)
        self.properties(raw.get("properties"), key, path + (mark if mark == "{}" else ""))

    def _items(self, raw: Mapping[str, Any], key: Key, path: str, mark: str) -> None:
        if not mark:
            message = f"`{path}` has items, and is neither array nor map in the Avro schema"
            self.problems.append(self._source.problem(key, message, "correct one of the two"))
            return
        self._property(raw, key, path + mark)

    def _mark(self, path: str, key: Key) -> str | None:
        """Return what a path to the node's items goes on with, empty for no container; None when there is no node."""
        try:
            bare, _ = self._tree.without_null(node_at(self._tree, path))
        except DocumentError:
            message = f"the Avro schema has no field `{path}`"
            self.problems.append(self._source.problem((*key, "name"), message, "remove it here, or add it there"))
            return None
        return _MARKS.get(self._tree.kind(bare), "")

    def _said(self, raw: Mapping[str, Any], key: Key, path: str) -> _Said:
        said = customs(raw, key, self._source, _KNOWN)
        self.problems += said.problems
        classification = self._word(Classification, raw.get("classification"), (*key, "classification"))
        personal = self._word(PersonalData, said.values.get("personalData"), said.place("personalData"))
        return _Said(path, key, classification, personal, self._subject(said))

    def _subject(self, said: Customs) -> str | None:
        if "subject" in said.values and said.text("subject") is None:
            self.problems.append(self._source.problem(said.place("subject"), "must be a field path", "correct it"))
        return said.text("subject")

    def _word(self, words: type[E], value: Any, key: Key) -> E | None:
        if value is None:
            return None
        if value in list(words):
            return words(value)
        known = [str(word) for word in words]
        self.problems.append(self._source.problem(key, "unknown word", did_you_mean(str(value), known)))
        return None
