"""Where an agreement begins in what was published before it: `now`, `earliest`, or a date or instant."""

from datetime import UTC, date, datetime

NOW, EARLIEST = "now", "earliest"


def start_ms(start: str) -> int | None:
    """Return from which append time on records are owed, in milliseconds since 1970 UTC; None: those to come.

    A date begins at midnight UTC. Raises ValueError for anything else than the words, a date, or an instant with a
    time zone.
    """
    if start == NOW:
        return None
    if start == EARLIEST:
        return 0
    moment = _midnight(start) if len(start) == len("2026-01-01") else datetime.fromisoformat(start)
    if moment.tzinfo is None:
        raise ValueError("an instant without a time zone")
    return max(0, int(moment.timestamp() * 1000))


def _midnight(start: str) -> datetime:
    day = date.fromisoformat(start)
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
