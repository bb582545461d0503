"""The topic in which slots acknowledge changes: what a slot says there, and what others know of all of them."""

import logging
import time
from collections.abc import Iterable, Mapping

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from ..schemas.errors import RecordError, RoleExit, UnavailableError
from ..schemas.slot_record import GoneRecord, SlotPlace, SlotRecord, slot_record_from
from .clients import make, reach
from .ends import Ends
from .settings import Cluster
from .tail import Entry, Tail
from .topics import SLOTS

log = logging.getLogger(__name__)
ANNOUNCE_S = 30.0
LEAVE_S = 2.0
OURS = "penstock."

Word = tuple[int, int]
"""A generation and a consent's offset."""


class SlotVoice:
    """What one slot says of itself. Not thread-safe."""

    def __init__(self, cluster: Cluster, place: SlotPlace) -> None:
        self._place = place
        self._said: Word | None = None
        self._heard: Word | None = None
        self._offset = -1
        self._producer = make(Producer, {**cluster.producer(), "linger.ms": 0})

    def announce(self, generation: int, consent_offset: int) -> None:
        """Say the slot's first word; return when Kafka has it. Raises UnavailableError when it does not take it."""
        reach(self._producer)
        self.say(generation, consent_offset)
        if not self.heard(ANNOUNCE_S):
            raise UnavailableError("the slot cannot say that it is there", place=SLOTS, remedy="penstock apply DIR")

    def say(self, generation: int, consent_offset: int) -> None:
        """Acknowledge; costs nothing where there is nothing new to say. For between two transactions."""
        word = generation, consent_offset
        if word == self._said:
            return
        self._said = word
        self._produce(SlotRecord(self._place, *word), word)

    def heard(self, within_s: float = 0.0) -> bool:
        """Say whether Kafka has all that was said."""
        deadline = time.monotonic() + within_s
        self._producer.poll(0)
        while self._heard != self._said or self._said is None:
            if time.monotonic() >= deadline:
                return False
            self._producer.poll(min(0.05, within_s))
        return True

    def leave(self) -> None:
        """Say that the slot is gone, in order: nothing of it is open. Others need not wait for it any more."""
        if self.heard(LEAVE_S):
            say_gone(self._producer, GoneRecord(self._place.slot, self._offset))

    def close(self) -> None:
        self._producer.purge()
        self._producer.close()

    def _produce(self, record: SlotRecord, word: Word) -> None:
        def delivered(error: KafkaError | None, message: Message) -> None:
            self._hear(word, error, message.offset())

        try:
            self._producer.produce(SLOTS, record.to_value(), key=record.key(), partition=0, on_delivery=delivered)
        except KafkaException as failure:
            raise RoleExit(f"no word can be said ({failure.args[0].name()})", place=SLOTS) from None
        self._producer.poll(0)

    def _hear(self, word: Word, error: KafkaError | None, offset: int | None) -> None:
        if error is None and offset is not None:
            self._heard, self._offset = word, offset
        elif word == self._said:
            log.warning("%s: an acknowledgement was not taken", self._place.slot)
            self._said = None  # it is said again


def say_gone(producer: Producer, record: GoneRecord) -> bool:
    """Say of a slot that it is gone; return whether Kafka has it."""
    producer.produce(SLOTS, record.to_value(), key=record.key(), partition=0)
    return not producer.flush(LEAVE_S)


def require_last(cluster: Cluster, place: SlotPlace) -> None:
    """Raise RoleExit when the slot has said, since `place` did, that another process is in it.

    Raises UnavailableError when Kafka does not tell.
    """
    board = SlotBoard(cluster)
    try:
        board.catch_up()
        board.require_last(place)
    finally:
        board.close()


class SlotBoard:
    """The last words of all slots. Not thread-safe."""

    def __init__(self, cluster: Cluster) -> None:
        self._tail = Tail(cluster, SLOTS)
        self._ends = Ends(cluster, [SLOTS])
        self._words: dict[str, tuple[int, SlotRecord]] = {}
        self._past: set[tuple[str, int]] = set()
        self._gone: dict[str, int] = {}

    def catch_up(self) -> None:
        """Read to the end as of now. Raises UnavailableError as `Tail.to_end` does."""
        self._take(self._tail.to_end())

    def poll(self, wait_s: float = 0.0) -> None:
        """Take in what is new; wait up to `wait_s` for it."""
        self._take(self._tail.poll(wait_s))

    def end(self) -> int | None:
        """Return the offset after the last word as of now; None where Kafka does not tell."""
        known = self._ends.ask()
        return None if known is None else known.offsets[0]

    def has_read(self, end: int) -> bool:
        return self._tail.position >= end

    def standing(self) -> dict[int, SlotRecord]:
        """Return the words of slots that did not leave and were not fenced since, by offset."""
        return {at: word for slot, (at, word) in self._words.items() if self._gone.get(slot) != at}

    def require_last(self, place: SlotPlace) -> None:
        """Raise RoleExit when another incarnation of the slot was heard of after this one."""
        word = self._words.get(place.slot)
        if word is not None and word[1].place.epoch != place.epoch:
            raise RoleExit("a later process has taken this slot over", place=place.slot)

    def count_out(self, words: Mapping[int, SlotRecord]) -> None:
        """Know that the slots of these words were fenced, before the topic says it."""
        self._gone.update({word.place.slot: at for at, word in words.items()})

    def close(self) -> None:
        self._ends.close()
        self._tail.close()

    def _take(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self._take_one(entry)

    def _take_one(self, entry: Entry) -> None:
        record = _read(entry)
        if isinstance(record, GoneRecord):
            self._gone[record.slot] = record.offset
        elif record is not None:
            self._hear(entry.offset, record)

    def _hear(self, offset: int, word: SlotRecord) -> None:
        """Take a word, unless it comes late from an incarnation that another has replaced: it counts for nobody."""
        slot, epoch = word.place.slot, word.place.epoch
        if (slot, epoch) in self._past:
            return
        before = self._words.get(slot)
        if before is not None and before[1].place.epoch != epoch:
            self._past.add((slot, before[1].place.epoch))
        self._words[slot] = offset, word


def _read(entry: Entry) -> SlotRecord | GoneRecord | None:
    """Return what a record says. Of a slot that cannot be understood: that it knows nothing, so that it is fenced."""
    key = (entry.key or b"").decode(errors="replace")
    try:
        return slot_record_from(entry.value)
    except RecordError:
        log.warning("%s/0/%d: not a slot record", SLOTS, entry.offset)
        return SlotRecord(SlotPlace(key, "", "", 0), -1, -1) if key.startswith(OURS) else None
