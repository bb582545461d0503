"""Decisions of a batch in columns: for each agreement a code for each event."""

from collections.abc import Mapping, Sequence

from ...schemas.reasons import Reason
from ..event_work import QUARANTINED, RELEASED

Column = bytearray
"""By event, a number in DECISIONS, or NOTHING."""

DECISIONS = (RELEASED, *(one.value for one in Reason), QUARANTINED)
NOTHING = 255
"""There is no event."""

_CODES: Mapping[Reason | None, int] = {one: number for number, one in enumerate((None, *Reason))}


def code(reason: Reason | None) -> int:
    """Return the code of a withholding, 0 for none."""
    return _CODES[reason]


def after(first: Column, second: Sequence[int]) -> Column:
    """Return the first decision where it is one to withhold, else the second."""
    return Column(one or other for one, other in zip(first, second, strict=True)) if any(first) else Column(second)


class Said(dict[tuple[int, ...], Mapping[str, str]]):
    """What is said of an event, by its codes; events with the same share it."""

    def __init__(self, agreements: Sequence[str]) -> None:
        super().__init__()
        self._agreements = agreements

    def __missing__(self, codes: tuple[int, ...]) -> Mapping[str, str]:
        words = () if NOTHING in codes else zip(self._agreements, (DECISIONS[one] for one in codes), strict=True)
        self[codes] = found = dict(words)
        return found

    def of(self, columns: Sequence[Column]) -> list[Mapping[str, str]]:
        """Return what is said of each event; of what is none, nothing."""
        return [self[codes] for codes in zip(*columns, strict=True)]
