"""What every role tells: a registry of its own, its health, what it is built from."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, ProcessCollector, disable_created_metrics, generate_latest
from prometheus_client.core import CounterMetricFamily

from ... import __version__
from .asked import Asked
from .families import Families
from .words import Words, refuse_labels

disable_created_metrics()  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class Health:
    """A role's state since when (seconds since the epoch); `reason` says what a role that waits waits for."""

    state: str
    since: float
    reason: str = ""


class RoleMetrics:
    """What every role has: a registry of its own and its health.

    A role may work in several threads, each of which tells its own state; the role is as well as the worst of them.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.words = Words()
        self.families = Families(self.registry, self.words)
        self._states: dict[str, Health] = {}
        self._begun = Health("starting", time.time())
        build = self.families.gauge("penstock_build_info", "Which Penstock this is.", "version")
        build[__version__,].set(1)
        self.families.asked("penstock_role_waiting", "0 while the role runs well, else 1.", self._waiting)
        self.fences: Callable[[], int] = lambda: 0
        self.registry.register(Asked(self._fences))
        self.control_age = self.families.single(
            "penstock_control_age_seconds", "Since the end of the control topic was last known."
        )
        self.control_age.set_function(lambda: time.time() - self._begun.since)

    def state(self, state: str, reason: str) -> None:
        """Tell the calling thread's state. Cheap when nothing changed."""
        self.state_of(threading.current_thread().name, state, reason)

    def state_of(self, part: str, state: str, reason: str) -> None:
        """Tell the state of a part of the role that is no thread of its own."""
        before = self._states.get(part)
        if before is None or (before.state, before.reason) != (state, reason):
            since = before.since if before is not None and before.state == state else time.time()
            self._states[part] = Health(state, since, reason)

    @property
    def health(self) -> Health:
        told = list(self._states.values())
        unwell = [one for one in told if one.state != "running"]
        if unwell:
            return min(unwell, key=lambda one: one.since)
        return max(told, key=lambda one: one.since, default=self._begun)

    def verify(self) -> None:
        """Raise ConfigurationError, naming metric and label, if anything here has a label that may not be.

        What `families` declares was looked at already; this finds what was registered without them.
        """
        for family in self.registry.collect():
            for sample in family.samples:
                refuse_labels(sample.name, sample.labels.keys() - {"le"})
        for collector in list(self.registry._collector_to_names):  # noqa: SLF001 - it tells of labels without series
            refuse_labels(getattr(collector, "_name", ""), getattr(collector, "_labelnames", ()))

    def _fences(self) -> Iterator[CounterMetricFamily]:
        about = "Processes of this role that were replaced or could not go on."
        yield CounterMetricFamily("penstock_fences_total", about, value=self.fences())

    def _waiting(self) -> float:
        return float(self.health.state != "running")

    def page(self) -> bytes:
        """Return the metrics in Prometheus' text format."""
        return generate_latest(self.registry)
