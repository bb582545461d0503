"""The settings of a file source, checked: an unknown or unfit one is an error, never a default."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import Any

from ...schemas.quarantine import MAX_ORIGINAL_BYTES
from ..options import fit, only_known

DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True, slots=True)
class FileOptions:
    """`max_record_bytes`: a larger record is refused, and read past in pieces. `batch_bytes` ends a batch early.

    `columns` (CSV): what a header must have, besides which it may have only `optional_columns`; None: anything.
    """

    max_record_bytes: int = MAX_ORIGINAL_BYTES
    batch_bytes: int = 8 << 20
    poll_seconds: float = 0.2
    delimiter: str = ","
    columns: Collection[str] | None = None
    optional_columns: Collection[str] = ()

    @classmethod
    def of(cls, options: Mapping[str, Any], place: str) -> "FileOptions":
        """Return the settings of `options`. Raises ConfigurationError."""
        only_known(options, (field.name for field in fields(cls)), place, "a file source")
        return fit(cls(**options), place)

    def fault(self) -> str:
        """Return what is wrong, or nothing."""
        for name in ("max_record_bytes", "batch_bytes", "poll_seconds"):
            number = getattr(self, name)
            if isinstance(number, bool) or not isinstance(number, int | float) or number <= 0:
                return f"{name} must be a number above zero"
        if self.delimiter not in DELIMITERS:
            return "delimiter must be a comma, a semicolon, a tab or a bar"
        if isinstance(self.columns, str) or isinstance(self.optional_columns, str):
            return "columns must be a list of column names"
        return ""
