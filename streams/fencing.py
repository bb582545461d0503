"""Fencing: taking a silent slot's transactional id over, which ends what it left open and voids its late commit."""

import contextlib
import logging
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor

from confluent_kafka import Producer

from ..schemas.errors import RoleExit, UnavailableError
from ..schemas.slot_record import GoneRecord, SlotRecord
from .clients import make, reach
from .settings import Cluster
from .slots import say_gone
from .transaction import TransactionalProducer

log = logging.getLogger(__name__)
AT_ONCE = 8
TRY_S = 0.1
PATIENCE_S = 30.0

Words = Mapping[int, SlotRecord]
"""Slots' last words by their offsets."""


class Fence:
    """Fences slots, several at once. Not thread-safe itself."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._hands = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="fence")
        self._reached: dict[str, Future[TransactionalProducer]] = {}
        self._voice = make(Producer, {**cluster.producer(), "linger.ms": 0})

    def reach_for(self, words: Words) -> None:
        """Connect for the slots of `words`, beside the caller, so that fencing them takes one question."""
        for word in words.values():
            if word.place.slot not in self._reached:
                self._reached[word.place.slot] = self._hands.submit(self._connected, word.place.slot)
                reach(self._voice)

    def fence(self, words: Words) -> None:
        """Return when every slot of `words` is fenced: what it had not committed by then never will be.

        A slot that lives ends (RoleExit) and begins anew. Raises UnavailableError when one could not be fenced.
        """
        self.reach_for(words)
        asked = {word.place.slot: self._hands.submit(self._take_over, word.place.slot) for word in words.values()}
        failed = [failure for one in asked.values() if (failure := one.exception()) is not None]
        self._say({at: word for at, word in words.items() if asked[word.place.slot].exception() is None})
        if failed:
            raise failed[0]

    def _connected(self, slot: str) -> TransactionalProducer:
        producer = TransactionalProducer(self._cluster, slot)
        producer.reach()
        return producer

    def _take_over(self, slot: str) -> None:
        producer, deadline = self._reached.pop(slot).result(), time.monotonic() + PATIENCE_S
        while not _taken(producer):
            if time.monotonic() > deadline:
                raise UnavailableError("the slot cannot be fenced", place=slot, remedy="is Kafka running?")
            producer = self._connected(slot)
        log.warning("%s did not acknowledge a change in time: it was fenced", slot)

    def _say(self, words: Words) -> None:
        """Write down who is gone, so that nobody waits for it again. What is not written costs others time only."""
        for at, word in words.items():
            say_gone(self._voice, GoneRecord(word.place.slot, at))

    def let_go(self) -> None:
        """Part with connections that were made for slots which answered after all."""
        for one in self._reached.values():
            with contextlib.suppress(Exception):
                one.result().discard()
        self._reached.clear()

    def close(self) -> None:
        self.let_go()
        self._hands.shutdown()
        self._voice.close()


def _taken(producer: TransactionalProducer) -> bool:
    """Take a transactional id over; False where that has to be tried again.

    What the slot left open ends with the first try; until that is done Kafka has the client come back, which this one
    does half a second later, and a fresh one at once. Somebody else may fence the slot at the same time: then one of us
    comes last.
    """
    try:
        producer.init(TRY_S)
    except (RoleExit, UnavailableError) as lost:
        log.info("%s", lost)
        producer.discard()
        return False
    producer.close()
    return True
