"""Pace: every span of time that an alert names, so that a rehearsal can run faster than life."""

from dataclasses import dataclass

LEAST_WINDOW_S = 5.0
LEAST_S = 3.0
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))


@dataclass(frozen=True, slots=True)
class Pace:
    """Spans of time multiplied by `scale`; 1 is life.

    A window over samples stays at 5 s or more, or it would hold too few of them at one scrape a second; a threshold
    stays at 3 s or more, since what is well may be a second old.
    """

    scale: float = 1.0

    def window(self, seconds: float) -> str:
        """Return the range of a rate, as PromQL writes it."""
        return duration(max(seconds * self.scale, min(seconds, LEAST_WINDOW_S)))

    def hold(self, seconds: float) -> str:
        """Return how long a condition must hold, as PromQL writes it."""
        return duration(seconds * self.scale)

    def seconds(self, seconds: float) -> str:
        """Return a threshold in seconds."""
        return f"{max(seconds * self.scale, min(seconds, LEAST_S)):g}"


def duration(seconds: float) -> str:
    """Return a span as Prometheus writes it: `90s` is `1m30s`, what is finer than a second is milliseconds."""
    whole, rest = int(seconds), round((seconds - int(seconds)) * 1000)
    found = ""
    for size, name in _UNITS:
        count, whole = divmod(whole, size)
        found += f"{count}{name}" if count else ""
    return found + (f"{rest}ms" if rest else "") or "0s"
