"""The HTTP source: senders post events, and hear 202 when they are committed in Kafka.

What makes it exactly once: a request's number is part of the source's position, which is committed with its records;
its receipt is written before that commit, and counts only if a committed position has reached its number.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ...schemas.ports import AsgiApp, Listen, SourceRecord, Verdict
from ...schemas.source_place import SourcePlace
from .app import Aside, HttpApp, Parts
from .body import Bodies
from .desk import Desk
from .openapi import openapi
from .options import HttpOptions
from .receipts import KeptReceipts
from .who import Door

POLL_S = 0.2


def http_source(place: SourcePlace) -> "HttpSource":
    """Return the HTTP source of a place. Raises ConfigurationError."""
    return HttpSource(place)


class HttpSource:
    """A `Source` that is `Served` and `Answering`. `app` is for one event loop, the rest for one other thread."""

    text = False

    def __init__(self, place: SourcePlace) -> None:
        options = HttpOptions.of(place.options, place.id)
        self._listen = options.listen(place.root)
        self._receipts = KeptReceipts(place.id, place.receipts)
        self._desk = Desk(self._receipts.keep, place.edge.queue)
        self._opened = threading.Event()
        self._stopped = threading.Event()
        aside = Aside()
        self._app = HttpApp(
            Parts(
                dataset=place.contract.id,
                openapi=openapi(place.contract, options),
                options=options,
                desk=self._desk,
                door=Door(place.contract.provider, place.doors, place.edge, aside),
                bodies=Bodies(place.contract.schema, options),
                receipts=self._receipts,
                edge=place.edge,
                aside=aside,
                clock=place.clock,
                ready=self._opened.is_set,
            )
        )

    @property
    def app(self) -> AsgiApp:
        return self._app

    @property
    def listen(self) -> Listen:
        return self._listen

    def open(self, position: Mapping[str, Any] | None, finished: Callable[[str], bool]) -> None:  # noqa: ARG002 - no input of it ever ends
        """Go on after `position`. Receipts of what never got committed are dropped first."""
        committed = int(position["sequence"]) if position else 0
        self._receipts.forget_after(committed)
        self._desk.open(committed)
        self._opened.set()

    def batches(self, limit: int) -> Iterator[list[SourceRecord]]:
        """Yield batches of whole requests, or of as much of one as `limit` allows."""
        while not self._stopped.is_set():
            batch = self._desk.take(limit)
            yield batch
            if not batch:
                self._desk.wait(POLL_S)

    def decided(self, verdicts: Sequence[Verdict]) -> None:
        """Keep the receipts that the batch's commit makes true. Raises UnavailableError."""
        self._desk.decided(verdicts)

    def committed(self, position: Mapping[str, Any]) -> None:
        """Answer those whose requests are committed now."""
        self._desk.commit(int(position["sequence"]))

    def stop(self) -> None:
        """Take nothing more. Requests that wait are told to come again, at once or when their batch had its chance."""
        self._stopped.set()
        self._desk.close()
