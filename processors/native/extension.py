"""The extension `penstock_native`, as this room uses it; it may be missing."""

import importlib
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Protocol, cast

from ...schemas.ports import SubjectKey
from ..outcome import Input

FORM = 2
"""The form of programs and calls: an extension of another one is not used."""

Key = bytes | SubjectKey
"""The keys of a data subject under an agreement; as bytes: handle, key, re-keying key, pseudonym."""

Bulk = tuple[bytes, bytes, int, int]
"""Handle, key, and which numbers may be nonces: the first, and how many."""

Record = tuple[str, int, bytes | None, bytes]
"""A record that was made: topic, partition, key, value."""

Counts = list[list[int]]
"""By writer and view."""

Ran = tuple[list[Record], int, int, int, list[int], Counts, Counts, bool]
"""Records; the event and view where it stopped; nonces taken; each view's numbers left; how many records were made, and
fields encrypted in them; whether it stopped for want of nonces."""


class Scan(Protocol):
    """A batch whose events were read, as far as they are as usual."""

    def writers(self) -> list[int]:
        """Return for each event the number of its writer from 1 on; 0 where it was not taken."""
        ...

    def days(self) -> list[int]: ...

    def subjects(self, number: int) -> list[bytes | None]: ...

    def event_id(self, event: int) -> str: ...

    def positions(self, event: int) -> tuple[int, ...]: ...

    def alike(self, read: Sequence[Sequence[tuple[int, int]]]) -> tuple[list[int], list[int]]:
        """Tell events apart by the parts that `read` names for each writer: one of each kind, and each event's kind."""
        ...


class Making(Protocol):
    """The making of a batch's views. It holds the batch's keys until it is told to forget them."""

    def run(self, place: tuple[int, int], end: int, nonces: bytes, bulk: Sequence[Bulk | None]) -> Ran:
        """Make views from an event's view on, up to the event `end`, or where one is not for this back end."""
        ...

    def forget(self) -> None: ...


class Lane(Protocol):
    """The programs of a lane."""

    def scan(self, batch: list[Input], secret: bytes) -> Scan: ...


class Extension(Protocol):
    """The module."""

    FORM: int

    def Lane(self, writers: Sequence[object], subjects: int, most_bytes: int) -> Lane:  # noqa: N802 - a class there
        """Load programs. Raises ValueError for what it does not know, OverflowError for a number beyond its types."""
        ...

    def Making(  # noqa: N802 - a class there
        self,
        scan: Scan,
        topics: Sequence[str],
        codes: Sequence[bytes],
        keys: Sequence[Sequence[Sequence[Key | None]]],
        secrets: Sequence[Mapping[int, bytes]],
    ) -> Making: ...


@cache
def extension() -> Extension | None:
    """Return the extension, if it is installed in the form that this room speaks."""
    try:
        found = importlib.import_module("penstock_native")
    except ImportError:
        return None
    return cast("Extension", found) if getattr(found, "FORM", None) == FORM else None
