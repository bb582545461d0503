"""Metric families of a role: declared through the label guard, children looked up in the client library once each."""

from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from .words import UNKNOWN, Words, refuse_labels

MOST_CHILDREN = 2_000
"""Of one family. Beyond it new ones are counted together, every label `unknown`."""

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

Labels = tuple[str, ...]


class Children(dict[Labels, Any]):
    """The children of a labelled metric by their labels. Values that the role does not know become `unknown`."""

    def __init__(self, family: Counter | Gauge | Histogram, labels: Labels, words: Words) -> None:
        super().__init__()
        self._family = family
        self._labels = labels
        self._words = words

    def __missing__(self, labels: Labels) -> Any:
        known = self._words.bounded(self._labels, labels)
        if known not in self and len(self) >= MOST_CHILDREN:
            known = (UNKNOWN,) * len(known)
        # Kept under what it became, never under what was asked: that may be different each time.
        child = self.get(known)
        if child is None:
            child = self[known] = self._family.labels(*known) if known else self._family
        return child


class Families:
    """Declares metrics in a registry. Raises ConfigurationError for a label that may not be."""

    def __init__(self, registry: CollectorRegistry, words: Words) -> None:
        self.registry = registry
        self.words = words

    def counter(self, name: str, about: str, *labels: str) -> Children:
        return self._made(Counter, name, about, labels)

    def gauge(self, name: str, about: str, *labels: str) -> Children:
        return self._made(Gauge, name, about, labels)

    def histogram(self, name: str, about: str, *labels: str) -> Children:
        refuse_labels(name, labels)
        family = Histogram(name, about, labels, registry=self.registry, buckets=SECONDS)
        return Children(family, labels, self.words)

    def single(self, name: str, about: str) -> Gauge:
        """Return a gauge without labels."""
        return Gauge(name, about, registry=self.registry)

    def asked(self, name: str, about: str, ask: Callable[[], float]) -> None:
        """Declare a gauge without labels whose value is asked for at each scrape."""
        self.single(name, about).set_function(ask)

    def _made(self, kind: type[Counter] | type[Gauge], name: str, about: str, labels: Labels) -> Children:
        refuse_labels(name, labels)
        return Children(kind(name, about, labels, registry=self.registry), labels, self.words)
