"""The fields a data contract names for a role: event id, event time, record key, data subject."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .avro_paths import Leaf, node_at, steps, tree_leaves
from .avro_tree import Tree
from .problem import Key, Problem, did_you_mean
from .yaml_lines import Source

_IDENTIFIERS = frozenset(("string", "int", "long"))
_TIMES = frozenset((("long", "timestamp-millis"), ("long", "timestamp-micros"), ("int", "date")))


@dataclass(frozen=True, slots=True)
class Roles:
    """The paths that a contract names; None where it names none."""

    event_id: str | None
    event_time: str | None
    record_key: str | None
    data_subject: str | None


def role_problems(roles: Roles, resolved: Tree, source: Source, place: Callable[[str], Key]) -> Iterator[Problem]:
    """Yield what is wrong with the named fields; `place` says where the custom property of a name stands."""
    found = {leaf.path: leaf for leaf in tree_leaves(resolved, resolved.root, "", ())}
    named = {
        "eventId": (roles.event_id, "the event id", _event_id),
        "eventTime": (roles.event_time, "the event time", _event_time),
        "recordKey": (roles.record_key, "the record key", _identifier),
        "dataSubject": (roles.data_subject, "the data subject", _identifier),
    }
    for name, (path, what, rule) in named.items():
        if path is None:
            continue
        if path not in found:
            remedy = did_you_mean(path, found)
            yield source.problem(place(name), f"{what} `{path}` is no field of the Avro schema", remedy)
            continue
        wrong = rule(found[path], _may_be_null(resolved, path))
        if wrong:
            yield source.problem(place(name), f"{what} `{path}` {wrong}", "name another field, or change its type")


def _event_id(leaf: Leaf, nullable: bool) -> str | None:  # noqa: FBT001 - a fact about the field, not a switch
    if len(steps(leaf.path)) > 1:
        return "must stand in the record itself, not below another field"
    return "may be null: every event needs one" if nullable else _identifier(leaf, nullable)


def _event_time(leaf: Leaf, nullable: bool) -> str | None:  # noqa: FBT001 - as above
    if "[]" in leaf.path or "{}" in leaf.path:
        return "has many values"
    if (leaf.primitive, leaf.logical) not in _TIMES:
        return "must be a long timestamp-millis or timestamp-micros, or an int date"
    return "may be null: every event needs one" if nullable else None


def _identifier(leaf: Leaf, _nullable: bool) -> str | None:  # noqa: FBT001 - as above
    if "[]" in leaf.path or "{}" in leaf.path:
        return "has many values"
    if leaf.primitive not in _IDENTIFIERS or (leaf.primitive != "string" and leaf.logical):
        return "must be a string, a uuid, an int or a long"
    return None


def _may_be_null(resolved: Tree, path: str) -> bool:
    """Say whether the field or anything around it may be null."""
    names = path.split(".")
    prefixes = [".".join(names[: count + 1]) for count in range(len(names))]
    return any(resolved.without_null(node_at(resolved, prefix))[1] for prefix in prefixes)
