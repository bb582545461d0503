"""The MQTT source: a city's sensors publish to a broker, and every message reaches the publisher at least once.

A QoS 1 message is acknowledged after its Kafka commit. One that was committed but not acknowledged when the process
was killed comes again: the contract's duplicate window knows it. Inside one process nothing is given twice.
"""

import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from paho.mqtt.client import MQTTMessage

from ...schemas.errors import ConfigurationError
from ...schemas.ports import SourceRecord
from ...schemas.reasons import Refusal
from ...schemas.source_place import SourcePlace
from ..files.ndjson_rows import object_row
from ..files.rows import Line as Text
from .deliveries import Deliveries, Delivery
from .line import Ears, Line, Login
from .options import MqttOptions
from .topics import Topics

FORMATS = ("auto", "json")


def mqtt_source(place: SourcePlace) -> "MqttSource":
    """Return the MQTT source of a place. Raises ConfigurationError."""
    if place.format not in FORMATS:
        raise ConfigurationError(
            f"an MQTT source does not know the format '{place.format}'", place=place.id, remedy="use json"
        )
    options = MqttOptions.of(place.options, place.id)
    if options.address_env:
        options = options.at(place.secret(options.address_env), place.id)
    stable = options.client_id or f"penstock-{place.contract.provider}-{place.id}"
    return MqttSource(place, replace(options, client_id=stable))


class MqttSource:
    """A `Source` over one persistent MQTT session. Its position counts messages, which says nothing to the broker."""

    text = False

    def __init__(self, place: SourcePlace, options: MqttOptions) -> None:
        self._place, self._options = place, options
        self._topics = Topics(options.topics, place.contract.schema, place.id)
        self._login = Login(_secret(place, options.username_env), _secret(place, options.password_env))
        self._line: Line | None = None
        self._deliveries = Deliveries(options.in_flight, options.queue_bytes, self._acknowledge)
        self._stopped = threading.Event()
        self._closing = threading.Event()

    def open(self, position: Mapping[str, Any] | None, finished: Callable[[str], bool]) -> None:  # noqa: ARG002 - a queue has no whole inputs
        """Connect, unless connected, and go on. Raises ConfigurationError or UnavailableError when that fails."""
        self._deliveries.reopen(_count(position))
        if self._line is None:
            self._closing.clear()
            self._line = self._new_line()
            try:
                self._line.open(self._options.subscribe or [one.filter for one in self._topics.templates])
            except BaseException:
                self._close()
                raise

    def batches(self, limit: int) -> Iterator[list[SourceRecord]]:
        """Yield what has come. While the broker is away batches are empty; the client connects again by itself."""
        try:
            while not self._stopped.is_set():
                batch = [self._record(one) for one in self._deliveries.take(limit)]
                self._place.edge.queue(len(self._deliveries) + len(batch))
                yield batch
                if not batch:
                    self._alive().check()
                    self._deliveries.wait()
        finally:
            self._close()

    def committed(self, position: Mapping[str, Any]) -> None:
        """Acknowledge everything up to `position`."""
        self._deliveries.committed(_count(position))

    def stop(self) -> None:
        """Let `batches` end after the batch in hand. May be called from another thread or a signal handler."""
        self._stopped.set()

    def _new_line(self) -> Line:
        ears = Ears(self._connected, self._lost, self._message)
        return Line(self._place.id, self._options, self._login, self._place.root, ears)

    def _alive(self) -> Line:
        if self._line is None:
            raise ConfigurationError("the MQTT source is not open", place=self._place.id, remedy="call open first")
        return self._line

    def _close(self) -> None:
        line, self._line = self._line, None
        self._closing.set()
        if line is not None:
            line.close()
            self._lost("")

    def _acknowledge(self, packet: int) -> None:
        if self._line is not None:
            self._line.acknowledge(packet)

    def _connected(self, same_session: bool) -> None:  # noqa: FBT001 - what the broker says
        self._deliveries.connected(same_session=same_session)
        self._place.edge.connected(True)

    def _lost(self, why: str) -> None:
        self._deliveries.lost()
        self._place.edge.connected(False, "" if self._closing.is_set() else why)

    def _message(self, message: MQTTMessage) -> None:
        """Take one message in, on the network's thread; while there is no room, nothing more is read."""
        topic, payload = message._topic, bytes(message.payload)  # noqa: SLF001 - the property raises for what is not UTF-8
        if not payload or (message.retain and self._options.retained == "ignore"):
            self._deliveries.skip(message.mid)
            self._place.edge.message("retained")
            return
        if message.dup and self._deliveries.again(topic, payload, message.mid):
            return
        while not self._deliveries.wait_for_room():
            if self._closing.is_set():
                return  # not acknowledged: it comes again
        levels = self._topics.match(topic)
        self._place.edge.message("unmapped" if levels is None else "taken")
        self._deliveries.add(Delivery(topic, payload, message.mid, levels))

    def _record(self, delivery: Delivery) -> SourceRecord:
        position, place = {"messages": delivery.number}, f"{self._place.id}:message {delivery.number}"
        return replace(self._judged(delivery), position=position, place=place, input=place)

    def _judged(self, delivery: Delivery) -> SourceRecord:
        """Return the record but for what its number says. A message is an input of its own."""
        payload, size = delivery.payload, len(delivery.payload)
        if delivery.levels is None:
            return _refused(Refusal.UNMAPPED, "the topic matches no template", delivery.topic + b"\n" + payload)
        if size > self._options.max_record_bytes:
            digest = hashlib.sha256(payload).hexdigest()
            detail = f"sha256={digest} bytes={size}"
            return replace(_refused(Refusal.TOO_LARGE, detail, None), sha256=digest, size=size)
        row = object_row(Text(payload, size))
        if row.value is None:
            return _refused(row.refusal, row.detail, row.raw)
        value = dict(row.value)
        self._topics.fill(value, delivery.levels)
        return SourceRecord({}, "", value)


def _refused(reason: Refusal | None, detail: str, raw: bytes | None) -> SourceRecord:
    return SourceRecord({}, "", None, reason, detail, raw)


def _count(position: Mapping[str, Any] | None) -> int:
    try:
        return int(position["messages"]) if position else 0
    except (KeyError, TypeError, ValueError):
        raise ConfigurationError(
            "the committed position is not one of an MQTT source",
            remedy="a source keeps its kind: give the new kind a source id of its own",
        ) from None


def _secret(place: SourcePlace, variable: str) -> str:
    return place.secret(variable) if variable else ""
