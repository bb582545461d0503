"""Options of a source, as its part of `connectors.yaml` gives them: an unknown or unfit one is an error, no default."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, TypeVar

from ..schemas.errors import ConfigurationError


class Options(Protocol):
    """Settings that can say what is wrong with them."""

    def fault(self) -> str:
        """Return what is wrong, or nothing."""
        ...


Made = TypeVar("Made", bound=Options)


def only_known(options: Mapping[str, Any], known: Iterable[str], place: str, what: str) -> None:
    """Raise ConfigurationError where `options` has one that `what` (an HTTP source) does not know."""
    names = set(known)
    if unknown := sorted(set(options) - names):
        raise ConfigurationError(
            f"{what} has no option {', '.join(unknown)}",
            place=place,
            remedy=f"its options are {', '.join(sorted(names))}",
        )


def fit(made: Made, place: str) -> Made:
    """Return `made`. Raises ConfigurationError with what is wrong with it."""
    if fault := made.fault():
        raise ConfigurationError(fault, place=place)
    return made
