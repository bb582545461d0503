"""What the MQTT broker has sent and we have not acknowledged: in a bounded queue, given, or committed.

MQTT remembers per session which QoS 1 messages we have acknowledged. An acknowledgement may be lost with its
connection; the broker then sends the message again under the same packet id, marked as a duplicate, and this memory
knows it. It ends with the process: what comes again after that is for the contract's duplicate window.
"""

import hashlib
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from .topics import Levels

IDLE_S = 0.2


@dataclass(slots=True, eq=False)
class Delivery:
    """One message. `packet` is its id in the session (0: QoS 0, nothing to acknowledge); `levels` None: unmapped."""

    topic: bytes
    payload: bytes
    packet: int
    levels: Levels | None = None
    number: int = 0
    done: bool = False
    digest: bytes = b""
    connection: int = 0


class Deliveries:
    """For two threads: the network's (`connected`, `lost`, `add`, `skip`) and the publisher's (the others).

    Acknowledgements go out in the order in which the messages came (MQTT 5, section 4.6).
    """

    def __init__(self, most: int, most_bytes: int, acknowledge: Callable[[int], None]) -> None:
        self._most, self._most_bytes = most, most_bytes
        self._acknowledge = acknowledge
        self._change = threading.Condition()
        self._queue: deque[Delivery] = deque()
        self._bytes = 0
        self._given: deque[Delivery] = deque()
        self._number = 0
        self._of_session: dict[int, Delivery] = {}
        self._order: deque[Delivery] = deque()  # of this connection, not yet acknowledged
        self._up = False
        self._connection = 0

    def __len__(self) -> int:
        return len(self._queue)

    def connected(self, *, same_session: bool) -> None:
        """Begin a connection. In a new session nothing comes again, and packet ids mean something else."""
        with self._change:
            self._order.clear()
            self._up = True
            self._connection += 1
            if not same_session:
                self._of_session.clear()

    def lost(self) -> None:
        with self._change:
            self._up = False
            self._order.clear()

    def wait_for_room(self, seconds: float = IDLE_S) -> bool:
        """Return whether there is room in the queue, after waiting a moment for it."""
        with self._change:
            return self._change.wait_for(self._has_room, seconds)

    def _has_room(self) -> bool:
        return not self._queue or (len(self._queue) < self._most and self._bytes < self._most_bytes)

    def again(self, topic: bytes, payload: bytes, packet: int) -> bool:
        """Return whether a message that is marked as a duplicate is one of ours; it is acknowledged in its turn."""
        with self._change:
            known = self._of_session.get(packet)
            if known is None or known.digest != _digest(topic, payload):
                return False
            if known.connection != self._connection:
                self._line_up(known)
                self._settle()
            return True

    def add(self, delivery: Delivery) -> None:
        """Put a message into the queue."""
        with self._change:
            self._enter(delivery)
            self._queue.append(delivery)
            self._bytes += len(delivery.payload)
            self._change.notify_all()

    def skip(self, packet: int) -> None:
        """Acknowledge, in its turn, a message that is not taken."""
        with self._change:
            self._enter(Delivery(b"", b"", packet, done=True))
            self._settle()

    def _enter(self, delivery: Delivery) -> None:
        if delivery.packet:
            delivery.digest = _digest(delivery.topic, delivery.payload)
            self._of_session[delivery.packet] = delivery
            self._line_up(delivery)

    def _line_up(self, delivery: Delivery) -> None:
        delivery.connection = self._connection
        self._order.append(delivery)

    def wait(self, seconds: float = IDLE_S) -> None:
        """Return when there is a message to take, or after `seconds`."""
        with self._change:
            self._change.wait_for(lambda: bool(self._queue), seconds)

    def take(self, limit: int) -> list[Delivery]:
        """Return the next messages, at most `limit`, each with its number."""
        with self._change:
            taken = [self._queue.popleft() for _ in range(min(limit, len(self._queue)))]
            for delivery in taken:
                self._number += 1
                delivery.number = self._number
                self._bytes -= len(delivery.payload)
            self._given.extend(taken)
            self._change.notify_all()
            return taken

    def committed(self, number: int) -> None:
        """Acknowledge what was given up to `number`; after a lost connection, when it comes again."""
        with self._change:
            while self._given and self._given[0].number <= number:
                delivery = self._given.popleft()
                delivery.done = True
                delivery.topic = delivery.payload = b""  # the digest is enough from here on
            self._settle()

    def reopen(self, number: int) -> None:
        """Stand behind the message `number`: what was given after it is given again, first and in its order."""
        self.committed(number)
        with self._change:
            self._bytes += sum(len(one.payload) for one in self._given)
            self._queue.extendleft(reversed(self._given))
            self._given.clear()
            self._number = number

    def _settle(self) -> None:
        while self._up and self._order and self._order[0].done:
            self._acknowledge(self._order.popleft().packet)


def _digest(topic: bytes, payload: bytes) -> bytes:
    return hashlib.blake2b(payload, digest_size=16, key=hashlib.blake2b(topic, digest_size=32).digest()).digest()
