"""Custom properties of ODCS: ours start with `penstock.`, all others are somebody else's."""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from .problem import Key, Problem, did_you_mean
from .yaml_lines import Source

PREFIX = "penstock."


@dataclass(frozen=True, slots=True)
class Customs:
    """Our custom properties of one ODCS object, by the name behind the prefix, and where each stands."""

    values: Mapping[str, Any]
    place: Callable[[str], Key]
    problems: tuple[Problem, ...]

    def text(self, name: str) -> str | None:
        """Return a property that is text, None when it is absent or something else."""
        value = self.values.get(name)
        return value if isinstance(value, str) and value else None


def customs(raw: Mapping[str, Any], key: Key, source: Source, known: AbstractSet[str]) -> Customs:
    """Return our custom properties of the ODCS object `raw`, which stands at `key`."""
    values: dict[str, Any] = {}
    places: dict[str, Key] = {}
    problems = []
    for position, one in enumerate(raw.get("customProperties") or ()):
        name = str(one.get("property") or "")
        if not name.startswith(PREFIX):
            continue
        place = (*key, "customProperties", position)
        short = name.removeprefix(PREFIX)
        if short not in known:
            meant = did_you_mean(name, {PREFIX + word for word in known})
            problems.append(source.problem((*place, "property"), f"unknown custom property '{name}'", meant))
        elif short in values:
            problems.append(source.problem((*place, "property"), f"{name} is written twice", "keep one of the two"))
        else:
            values[short], places[short] = one.get("value"), (*place, "value")
    return Customs(values, lambda name: places.get(name, (*key, "customProperties")), tuple(problems))
