"""Where a file source stands: which content, how many of its rows are done, and where the file belongs after it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from ...schemas.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Position:
    """`row` rows of the content `sha256` (found as `file`) are done; `done`: all of them.

    `failed` says that a part of the content so far could not be kept anywhere else, so the file itself must be: it
    moves to `failed/` when done. It is in the position because a restart in mid-file would forget it.
    """

    file: str
    sha256: str
    row: int
    done: bool
    failed: bool = False

    def under(self, name: str) -> "Position":
        """Return the same position in a file that was renamed."""
        return replace(self, file=name)

    def as_mapping(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, mapping: Mapping[str, Any]) -> "Position":
        """Return the position that `as_mapping` gave. Raises ConfigurationError if another kind of source wrote it."""
        try:
            return cls(
                file=str(mapping["file"]),
                sha256=str(mapping["sha256"]),
                row=int(mapping["row"]),
                done=bool(mapping["done"]),
                failed=bool(mapping.get("failed", False)),
            )
        except (KeyError, TypeError, ValueError):
            raise ConfigurationError(
                "the committed position is not one of a file source",
                remedy="a source keeps its kind: give the new kind a source id of its own",
            ) from None
