"""Metrics of a source's edge, where others send to it or it fetches."""

from collections.abc import Callable

from ...schemas.edge_observer import MessageOutcome
from .access import AccessMetrics
from .families import Families


class EdgeMetrics:
    """One source's edge; an `EdgeObserver`. `heard` is called when a record came in, whatever becomes of it.

    `state` hears how the connection is, as `PublisherObserver` has it.
    """

    def __init__(
        self,
        families: Families,
        access: AccessMetrics,
        source: str,
        heard: Callable[[], None],
        state: Callable[[str, str], None],
    ) -> None:
        self._source = source
        self._heard = heard
        self._state = state
        self._access = access
        self._requests = families.counter("penstock_http_requests_total", "Requests answered.", "source", "status")
        self._seconds = families.histogram(
            "penstock_http_request_seconds", "From a request's head to its answer.", "source"
        )
        self._queue = families.gauge(
            "penstock_source_queue_records", "Records taken in and not yet committed.", "source"
        )
        self._messages = families.counter("penstock_mqtt_messages_total", "MQTT messages.", "source", "outcome")
        self._connected = families.gauge(
            "penstock_mqtt_connected", "1 while the connection to the MQTT broker stands.", "source"
        )

    def request(self, status: int, seconds: float) -> None:
        self._requests[self._source, str(status)].inc()
        self._seconds[self._source,].observe(seconds)

    def refused(self, principal: str | None, reason: str) -> None:
        self._access.refused("ingest", principal, reason)

    def queue(self, records: int) -> None:
        self._queue[self._source,].set(records)
        if records:
            self._heard()

    def message(self, outcome: MessageOutcome) -> None:
        self._messages[self._source, outcome].inc()
        if outcome != "retained":
            self._heard()

    def connected(self, connected: bool, why: str = "") -> None:  # noqa: FBT001 - the protocol's signature
        self._connected[self._source,].set(connected)
        if connected or why:
            self._state("running" if connected else "waiting", why)
