"""Lags of all datasets, asked for by a thread of their own so that nobody who shows them waits for Kafka."""

import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from ..streams.lag import LagProbe
from .clock import now_ms

PERIOD_S = 1.0


class Lags:
    """Keeps the newest answer of each probe. Closed at the end of a `with` block."""

    def __init__(self, probes: Mapping[str, LagProbe]) -> None:
        self._probes = probes
        self._latest: dict[str, float | None] = dict.fromkeys(probes)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lags", daemon=True)

    def latest(self) -> Mapping[str, float | None]:
        """Return, by dataset, the age in seconds of the oldest record not dealt with; None: not known."""
        return dict(self._latest)

    def now(self) -> Mapping[str, float | None]:
        """Ask Kafka and return the answers; only while the thread does not run."""
        return {dataset: probe.seconds(now_ms()) for dataset, probe in self._probes.items()}

    def _run(self) -> None:
        while not self._stop.is_set():
            for dataset, probe in self._probes.items():
                self._latest[dataset] = probe.seconds(now_ms())
            self._stop.wait(PERIOD_S)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, _kind: type[BaseException] | None, _e: BaseException | None, _at: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()
        for probe in self._probes.values():
            probe.close()
