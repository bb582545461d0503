"""What time it is, for whatever decides by it, signs or writes it down. Nothing else of ours asks the machine."""

import time

_step_ms = 0


def now_ms() -> int:
    """Return the wall clock in milliseconds since the epoch. It may jump, also back: no order follows from it."""
    return time.time_ns() // 1_000_000 + _step_ms


def step(by_ms: int) -> None:
    """Let this process's clock be wrong by `by_ms` from now on: for the fault bench, as `ops.faults` is."""
    global _step_ms  # noqa: PLW0603 - a process has one clock
    _step_ms = by_ms
