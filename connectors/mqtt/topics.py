"""Topic templates: `city/air/{station}/{sensor}` says which level of a topic fills which field of the record.

A named level fills a field (`{location.city}` one inside a record), `+` takes any level and forgets it, `#` at the end
takes all that is left, and every other level must be equal.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...schemas.avro_encode import Unfit
from ...schemas.avro_paths import Leaf, leaves
from ...schemas.errors import ConfigurationError
from ...schemas.plain_scalars import scalar

_NAMED = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)\}")
_NUMBERS = frozenset(("boolean", "int", "long", "float", "double"))

Levels = Mapping[str, str]
"""The text of each named level, by its field path."""


@dataclass(frozen=True, slots=True)
class Template:
    """One template: what a topic must look like, and the filter that asks the broker for such topics."""

    filter: str
    names: tuple[str, ...]
    pattern: re.Pattern[str]

    def match(self, topic: str) -> Levels | None:
        found = self.pattern.fullmatch(topic)
        return None if found is None else dict(zip(self.names, found.groups(), strict=True))


def template_of(text: str, place: str) -> Template:
    """Return a template. Raises ConfigurationError, naming what is wrong with it."""
    levels = text.split("/")
    names: list[str] = []
    filters, patterns = [], []
    for position, level in enumerate(levels):
        named = _NAMED.fullmatch(level)
        if named:
            names.append(named.group(1))
        elif level == "#" and position == len(levels) - 1:
            break
        elif level != "+" and any(mark in level for mark in "+#{}\0"):
            raise ConfigurationError(
                f"level {position + 1} of the topic `{text}` is neither text, `+`, nor one {{field}}",
                place=place,
                remedy="a field or wildcard fills a level of its own; `#` stands at the end",
            )
        filters.append("+" if named else level)
        patterns.append("([^/]+)" if named else "[^/]*" if level == "+" else re.escape(level))
    if repeated := {name for name in names if names.count(name) > 1}:
        raise ConfigurationError(f"the topic `{text}` names {', '.join(sorted(repeated))} twice", place=place)
    rest = levels[-1] == "#"
    pattern = "/".join(patterns) + ("(?:/.*)?" if rest and patterns else ".*" if rest else "")
    asked = "/".join([*filters, "#"] if rest else filters)
    return Template(asked, tuple(names), re.compile(pattern, re.DOTALL))


class Topics:
    """The templates of one source, over the Avro schema of its dataset. The first that matches a topic is taken."""

    def __init__(self, templates: Iterable[str], schema: Any, place: str) -> None:
        self.templates: Sequence[Template] = [template_of(text, place) for text in templates]
        known = leaves(schema)
        self._convert = {name: _converter(name, known, place) for template in self.templates for name in template.names}

    def match(self, topic: bytes) -> Levels | None:
        """Return the named levels of a topic, None where no template matches it."""
        try:
            text = topic.decode()
        except UnicodeDecodeError:
            return None
        for template in self.templates:
            if (levels := template.match(text)) is not None:
                return levels
        return None

    def fill(self, value: dict[str, Any], levels: Levels) -> None:
        """Put the levels into their fields; what the payload says there gives way.

        Where something other than a record is in the way, nothing is put: the contract's check refuses that record.
        """
        for path, text in levels.items():
            *parents, leaf = path.split(".")
            record: Any = value
            for parent in parents:
                record = record.setdefault(parent, {}) if isinstance(record, dict) else None
            if isinstance(record, dict):
                record[leaf] = self._convert[path](text)


def _converter(path: str, known: Mapping[str, Leaf], place: str) -> Callable[[str], Any]:
    leaf = known.get(path)
    if leaf is None:
        raise ConfigurationError(
            f"a topic names the field `{path}`, which the contract does not have", place=place, remedy="name a leaf"
        )
    if leaf.primitive not in _NUMBERS or leaf.logical:
        return str
    convert = scalar(leaf.primitive, leaf.primitive, text=True)

    def from_text(text: str) -> Any:
        try:
            return convert(text)
        except Unfit:
            return text  # refused with the field's name where all fields are checked

    return from_text
