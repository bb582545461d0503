"""Instants out of events: the physical value of a date or timestamp field as milliseconds."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from ..schemas.avro_paths import Leaf
from ..schemas.errors import DocumentError

DAY_MS = 86_400_000
_TO_MS: dict[str, Callable[[int], int]] = {
    "date": lambda days: days * DAY_MS,
    "timestamp-millis": lambda instant: instant,
    "timestamp-micros": lambda instant: instant // 1000,
    "local-timestamp-millis": lambda instant: instant,
    "local-timestamp-micros": lambda instant: instant // 1000,
}


def instant_ms(leaf: Leaf) -> Callable[[Any], int]:
    """Return the function from a leaf's physical value to milliseconds since the epoch.

    Raises DocumentError when the leaf's type tells no instant.
    """
    convert = _TO_MS.get(leaf.logical or "")
    if convert is None:
        raise DocumentError(
            "the event time is no date or timestamp", place=leaf.path, remedy="use timestamp-millis or date"
        )
    return convert


def month_of(at_ms: int) -> str:
    """Return the UTC month of an instant as `YYYY-MM`; instants outside the calendar share `none`."""
    try:
        return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m")
    except (OverflowError, ValueError, OSError):
        return "none"
