"""Where topics of ours end: asked cheaply, often, beside whoever reads them."""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import TimeoutError as Late
from dataclasses import dataclass
from typing import Any

from confluent_kafka import IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # public, but re-exported without saying so
    AdminClient,
    OffsetSpec,
)

from .clients import make
from .settings import Cluster

EVERY_S = 0.1
PATIENCE_S = 0.25
"""An answer that takes longer is of no use: it is too old when it comes."""
KEPT = 4
_LATEST: Any = OffsetSpec.latest()  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class Known:
    """Offsets after the last record or marker, topic by topic, as of `asked_at` (monotonic) or later."""

    asked_at: float
    offsets: tuple[int, ...]


class Ends:
    """Asks for the ends of partition 0 of `topics`, all in one request, on a connection of its own. Thread-safe.

    `committed`: as far as readers of committed records come, before the first transaction that is open.
    """

    def __init__(self, cluster: Cluster, topics: Sequence[str], *, committed: bool = True) -> None:
        self._isolation = IsolationLevel.READ_COMMITTED if committed else IsolationLevel.READ_UNCOMMITTED
        self._admin = make(AdminClient, cluster.client())
        self._partitions = [TopicPartition(topic, 0) for topic in topics]
        self._lately: deque[Known] = deque(maxlen=KEPT)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="ends", daemon=True)

    def start(self) -> None:
        """Ask every EVERY_S seconds, in a thread, until `close`."""
        if self._thread.ident is None:
            self._thread.start()

    def ask(self, patience_s: float = PATIENCE_S) -> Known | None:
        """Return the ends as of now, None where Kafka does not tell them all within `patience_s`."""
        asked_at = time.monotonic()
        try:
            asked = self._admin.list_offsets(
                dict.fromkeys(self._partitions, _LATEST),
                isolation_level=self._isolation,
                request_timeout=patience_s,
            )
            offsets = tuple(asked[one].result(patience_s).offset for one in self._partitions)
        except (KafkaException, Late):
            return None
        known = Known(asked_at, offsets)
        self._lately.append(known)
        return known

    def lately(self, within_s: float) -> list[Known]:
        """Return what was asked within the last `within_s` seconds, the newest last."""
        since = time.monotonic() - within_s
        return [known for known in tuple(self._lately) if known.asked_at >= since]

    def _follow(self) -> None:
        while not self._stop.wait(EVERY_S):
            if self.ask() is None:
                # The client may look for a partition where it no longer is.
                with contextlib.suppress(KafkaException):
                    self._admin.list_topics(timeout=PATIENCE_S)

    def close(self) -> None:
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()
