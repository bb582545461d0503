"""Our quality rules in an ODCS document: entries of `quality` whose engine is penstock; all others are somebody else's.

A rule stands at the field that it is about, one about the whole event at the schema object.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from .avro_paths import Leaf, node_at, tree_leaves
from .avro_tree import Tree
from .contract_quality import Quality, Range, Rule, Unit
from .model import Model, duration_ms
from .odcs_properties import Customs
from .problem import Key, Problem, did_you_mean, dotted
from .validation import validated
from .yaml_lines import Document, Source, read_yaml

ENGINE = "penstock"
UNKNOWN_FIELDS = ("refuse", "drop")
"""What may become of a record with fields that the contract does not know: the first if it does not say."""

_WHOLE_NUMBERS = frozenset(("int", "long"))
_FRACTIONS = frozenset(("float", "double"))


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of `quality` as written: at the field of `path`, empty at the schema object."""

    path: str
    key: Key
    raw: Mapping[str, Any]


class _Implementation(Model):
    """What our entries hold under that name."""

    implementation: Rule


def entries(raw: Mapping[str, Any], key: Key, path: str) -> Iterator[Entry]:
    """Yield our entries of the ODCS object `raw`, which stands at `key`."""
    for position, one in enumerate(raw.get("quality") or ()):
        if one.get("engine") == ENGINE:
            yield Entry(path, (*key, "quality", position), one)


def quality_rules(
    written: Iterable[Entry], resolved: Tree, source: Source
) -> tuple[tuple[Quality, ...], tuple[Problem, ...]]:
    """Return the rules of a contract, in the order of their flags, and what is wrong with them."""
    leaves = {leaf.path: leaf for leaf in tree_leaves(resolved, resolved.root, "", ())}
    rules: dict[str, Quality] = {}
    problems: list[Problem] = []
    for entry in written:
        found, unread = _read(entry, source)
        problems += unread
        if found is None:
            continue
        wrong = "stands twice" if found.flag in rules else _misplaced(found, leaves, resolved)
        if wrong:
            place = (*entry.key, "implementation")
            problems.append(source.problem(place, f"the rule `{found.rule.rule}` {wrong}", "correct or remove it"))
        rules.setdefault(found.flag, found)
    return tuple(rules[flag] for flag in sorted(rules)), tuple(problems)


def _read(entry: Entry, source: Source) -> tuple[Quality | None, list[Problem]]:
    if entry.raw.get("type") != "custom":
        return None, [source.problem((*entry.key, "type"), "must be custom", "of ODCS's types, ours is that one")]
    document = _document(entry, source)
    found, problems = validated(_Implementation, document)
    above = dotted(entry.key)
    told = [replace(one, key=f"{above}.{one.key}" if one.key else above) for one in problems]
    return (Quality(entry.path, found.implementation) if found else None), told


def _document(entry: Entry, source: Source) -> Document:
    """Return the entry's rule as a document of its own, be it an object or YAML in a text, with the lines of the whole.

    A text gives the line at which it stands, since how far down its own lines are depends on how it is quoted.
    """
    place = (*entry.key, "implementation")
    said = {"implementation": entry.raw["implementation"]} if "implementation" in entry.raw else {}
    lines = {key[len(entry.key) :]: line for key, line in source.lines.items() if key[: len(entry.key)] == entry.key}
    if not isinstance(said.get("implementation"), str):
        return Document(said, Source(source.file, lines))
    text = read_yaml(said["implementation"].encode(), source.file)
    line = source.line(place)
    problems = tuple(replace(one, line=line, key="implementation") for one in text.problems)
    return Document(text.value and {"implementation": text.value}, Source(source.file, {(): line}), problems)


def _misplaced(quality: Quality, leaves: Mapping[str, Leaf], resolved: Tree) -> str | None:
    """Return why the rule does not fit where it stands."""
    if not isinstance(quality.rule, Range | Unit):
        return "is about the event: state it at the schema object" if quality.path else None
    if not quality.path:
        return "is about a field: state it at the field's property"
    leaf = leaves.get(quality.path)
    if leaf is None:
        return f"wants a single value, and `{quality.path}` holds several: state it at one of them"
    if isinstance(quality.rule, Range):
        return None if _is_number(leaf) else f"wants a number, and `{quality.path}` is none"
    return _unfit_unit(quality.rule, leaf, resolved)


def _is_number(leaf: Leaf) -> bool:
    if leaf.logical:
        return leaf.logical == "decimal"
    return leaf.primitive in _WHOLE_NUMBERS | _FRACTIONS


def _unfit_unit(rule: Unit, leaf: Leaf, resolved: Tree) -> str | None:
    if leaf.primitive == "enum":
        node, _ = resolved.without_null(node_at(resolved, leaf.path))
        known = resolved.resolve(node)["symbols"]
        unknown = sorted({*rule.one_of} - {*known})
        return f"names what the enum lacks: {', '.join(unknown)}" if unknown else None
    return None if leaf.primitive == "string" else f"wants a text, and `{leaf.path}` is none"


def edge_problems(said: Customs, resolved: Tree, source: Source) -> Iterator[Problem]:
    """Yield what is wrong with the window, the field for quality flags and the word about unknown fields."""
    checks: dict[str, Callable[[str], str | None]] = {
        "duplicateWindow": _unfit_window,
        "qualityFlags": lambda name: _unfit_flags(name, resolved),
        "unknownFields": lambda word: None if word in UNKNOWN_FIELDS else "unknown word",
    }
    for name, unfit in checks.items():
        value = said.text(name)
        wrong = unfit(value) if value is not None else None
        if wrong:
            yield source.problem(said.place(name), wrong, _remedy(name, value or "", resolved))


def _remedy(name: str, value: str, resolved: Tree) -> str:
    if name == "duplicateWindow":
        return "write how long a resent record is known, such as PT1H"
    if name == "unknownFields":
        return did_you_mean(value, UNKNOWN_FIELDS)
    known = [field["name"] for field in resolved.types[resolved.root]["fields"] if _takes_flags(field, resolved)]
    near = did_you_mean(value, known) if value not in known else ""
    return near or 'a field of type {"type": "array", "items": "string"} with default []'


def _unfit_window(text: str) -> str | None:
    try:
        return None if duration_ms(text) > 0 else "the window of duplicates is empty"
    except ValueError as failure:
        return str(failure)


def _unfit_flags(name: str, resolved: Tree) -> str | None:
    fields = {field["name"]: field for field in resolved.types[resolved.root]["fields"]}
    if name not in fields:
        return f"the field for quality flags, `{name}`, is no field at the top of the Avro schema"
    if not _takes_flags(fields[name], resolved):
        return f"the field for quality flags, `{name}`, is no list of texts that is empty by default"
    return None


def _takes_flags(field: Mapping[str, Any], resolved: Tree) -> bool:
    node = field["type"]
    if resolved.kind(node) != "array" or field.get("default") != []:
        return False
    items = node["items"]
    return resolved.kind(items) == "string" and not (isinstance(items, dict) and "logicalType" in items)
