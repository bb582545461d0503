"""Finding a kind of connector by its entry point: an agency's own package offers one exactly as ours does."""

from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any, cast

from ..schemas.errors import ConfigurationError
from ..schemas.ports import Source
from ..schemas.source_place import SourcePlace

GROUP = "penstock.connectors"

Factory = Callable[[SourcePlace], Source]
"""Raises ConfigurationError for a place that it cannot use."""


def find(kind: str) -> Factory:
    """Return the factory of `kind`. Raises ConfigurationError if there is none, or two, or it does not load."""
    offered = entry_points(group=GROUP)
    places = {point.value: point for point in offered if point.name == kind}
    if not places:
        known = ", ".join(sorted({point.name for point in offered})) or "none"
        raise ConfigurationError(
            f"there is no connector of kind '{kind}'",
            remedy=f"installed kinds are {known}; install the package that offers '{kind}'",
        )
    if len(places) > 1:
        raise ConfigurationError(
            f"several packages offer the connector kind '{kind}': {', '.join(sorted(places))}",
            remedy="uninstall all but one",
        )
    (point,) = places.values()
    return _load(point)


def _load(point: Any) -> Factory:
    try:
        return cast("Factory", point.load())
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(
            f"the connector kind '{point.name}' does not load: {error}",
            place=point.value,
            remedy="install what it needs, usually the extra of its package",
        ) from error
