"""The freshness objective and how fast its error budget burns.

The objective: 99 % of the events are committed to their views within 2.5 s of their append. A burn rate of 1 spends
the budget of 30 days in 30 days. Each alert asks a long window and a short one (the Google SRE workbook, chapter 5):
the long one so that a blip is no alert, the short one so that the alert clears soon after the cause is gone.
"""

from .alert import Alert, Recording
from .pace import Pace

WITHIN_S = 2.5
OBJECTIVE = 0.99
FAST, SLOW = 14.4, 6.0
FEWEST = 100
"""With fewer events in the long window a share says nothing: one late event of a quiet night is no outage."""
_HISTOGRAM = "penstock_publish_commit_seconds"
_WINDOWS = {"5m": 300, "30m": 1800, "1h": 3600, "6h": 21_600}


def missed(window: str) -> str:
    """Return the name of the recorded share of events that came later than promised, over a window of `_WINDOWS`."""
    return f"penstock:freshness_missed:ratio_rate{window}"


def _recording(name: str, seconds: int) -> Recording:
    def expression(pace: Pace) -> str:
        window = pace.window(seconds)
        in_time = f'sum by (ecosystem, dataset) (rate({_HISTOGRAM}_bucket{{le="{WITHIN_S}"}}[{window}]))'
        every = f"sum by (ecosystem, dataset) (rate({_HISTOGRAM}_count[{window}]))"
        return f"1 - {in_time} / ({every} > 0)"

    return Recording(missed(name), expression)


RECORDINGS = tuple(_recording(name, seconds) for name, seconds in _WINDOWS.items())


def _burning(pace: Pace, long: str, short: str, rate: float) -> str:
    limit = f"{rate * (1 - OBJECTIVE):.3f}"
    events = f"sum by (ecosystem, dataset) (increase({_HISTOGRAM}_count[{pace.window(_WINDOWS[long])}]))"
    return f"{missed(long)} > {limit}\nand {missed(short)} > {limit}\nand {events} > {FEWEST}"


_SUMMARY = (
    "{{ $labels.dataset }} of {{ $labels.ecosystem }} is late for {{ $value | humanizePercentage }} of its events"
)

BURN_ALERTS = (
    Alert(
        "PenstockFreshnessBurn",
        "critical",
        120,
        lambda pace: _burning(pace, "1h", "5m", FAST),
        _SUMMARY,
        "Promised is 2.5 s from append to view for 99 % of them. At this pace a month's error budget is gone in two "
        "days.",
    ),
    Alert(
        "PenstockFreshnessBurn",
        "warning",
        900,
        lambda pace: _burning(pace, "6h", "30m", SLOW),
        _SUMMARY,
        "Promised is 2.5 s from append to view for 99 % of them. At this pace a month's error budget is gone in five "
        "days.",
    ),
)
