"""The parts of an event, in the order of its bytes: every leaf or collection that plain nested records lead to.

Records have no bytes of their own in Avro, so what they hold stands side by side. What lies in a union, an array or a
map is one part with all that is in it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ...schemas.avro_tree import Tree


@dataclass(frozen=True, slots=True)
class Span:
    """One part: the `number`th of its event, at a path of field names, of the type `node`."""

    number: int
    path: tuple[str, ...]
    node: Any


def spans(resolved: Tree) -> tuple[Span, ...]:
    """Return the parts of an event whose schema is a record."""
    found = _below(resolved, resolved.root, (), ())
    return tuple(Span(number, path, node) for number, (path, node) in enumerate(found))


def _below(
    resolved: Tree, node: Any, path: tuple[str, ...], inside: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(node, list) or resolved.kind(node) != "record" or node in inside:
        yield path, node
        return
    for field in resolved.types[node]["fields"]:
        yield from _below(resolved, field["type"], (*path, field["name"]), (*inside, node))


def covering(parts: Mapping[tuple[str, ...], Span], path: tuple[str, ...]) -> Span | None:
    """Return the part that holds the field at `path`; None when there is none."""
    return next((parts[path[:size]] for size in range(1, len(path) + 1) if path[:size] in parts), None)
