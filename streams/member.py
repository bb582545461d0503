"""A slot's place in its consumer group: a static member that counts its own offsets."""

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from ..schemas.errors import RoleExit, UnavailableError
from .clients import make
from .consuming import take
from .holder import holder_of
from .job import Inbound
from .settings import Cluster
from .unreturning import abandon

REWIND_S = 30.0
ASK_S = 5.0
ASK_AGAIN_S = 0.1
DISCARDED = 10_000
LEARN_S = 0.1
LEARN_AGAIN_S = 1.0

log = logging.getLogger(__name__)


class Member:
    """Reads the topic's partitions that are ours.

    `known`: up to where everything is committed, by partition. `astray`: something was read and is not to be done: a
    rewind must follow. `metadata`: the membership under which was read last; None without one.
    """

    def __init__(self, cluster: Cluster, topic: str, group: str, instance: str) -> None:
        self._cluster = cluster
        self._topic = topic
        self._group = group
        self._instance = instance
        self._owned: set[int] = set()
        self._left: set[int] = set()
        self._learn_at = 0.0
        self.known: dict[int, int] = {}
        self.astray = False
        self.metadata: Any = None
        self.consumer = make(Consumer, cluster.member(group, instance))

    def join(self) -> None:
        self.consumer.subscribe(
            [self._topic], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_revoke
        )

    def read(self, limit: int, wait_s: float) -> list[Inbound]:
        """Return what is there, at most `limit` records; wait up to `wait_s` for the first."""
        self._left.clear()
        messages = take(self.consumer, limit, wait_s)
        # Taken now: rebalances are served inside consume() only, so this names the ownership the batch was read under.
        metadata, member = self.consumer.consumer_group_metadata(), self.consumer.memberid()
        self.metadata = metadata if member else None  # without an id Kafka would take offsets from anybody
        batch = [Inbound.of(message) for message in self._owned_only(messages)]
        # What was revoked and came back meanwhile begins at its committed offset: its records here are too early.
        if (batch and not member) or not self._left.isdisjoint(self._owned):
            self.astray = True
        return [] if self.astray else batch

    def _owned_only(self, messages: list[Message]) -> list[Message]:
        good = []
        for message in messages:
            error = message.error()
            if error is None:
                if message.partition() in self._owned:
                    good.append(message)
            elif error.code() == KafkaError._FATAL or error.fatal():  # noqa: SLF001 - fatal errors arrive under this code
                raise RoleExit("the consumer cannot go on; it was replaced or fenced", place=self._instance)
            else:
                log.warning("%s: %s", self._instance, error.name())
        return good

    def offsets(self, after: Mapping[int, int]) -> list[TopicPartition]:
        """Return offsets by partition as the client wants them."""
        return [TopicPartition(self._topic, partition, offset) for partition, offset in after.items()]

    # --- what is committed ---

    def first_seen(self, batch: Sequence[Inbound]) -> dict[int, int]:
        """Return where a batch begins, for partitions of which it was not known what is committed.

        A partition's first record after an assignment is at its committed offset, which is stable by then.
        """
        found: dict[int, int] = {}
        for record in batch:
            if record.partition not in self.known:
                found.setdefault(record.partition, record.offset)
        return found

    def learn(self) -> dict[int, int]:
        """Ask, now and then, what is committed of partitions of which that is not known; return what is new."""
        unknown = self._owned - self.known.keys()
        if not unknown or time.monotonic() < self._learn_at:
            return {}
        self._learn_at = time.monotonic() + LEARN_AGAIN_S
        try:
            return _settled(self.consumer.committed(self.offsets(dict.fromkeys(unknown, 0)), timeout=LEARN_S)) or {}
        except KafkaException:
            return {}  # a transaction that is open holds the answer back

    def rewind(self, also: Iterable[int] = ()) -> dict[int, int]:
        """Go back to the committed offsets, so that what was not committed is read again; return them.

        `also`: partitions to ask about even if they are no longer ours. Raises UnavailableError when nobody answers,
        and RoleExit when there is no going back.
        """
        assigned, found = self._committed(set(also))
        for one in assigned:
            self._seek(one.partition, found.get(one.partition, OFFSET_BEGINNING))
        self.known = {partition: offset for partition, offset in found.items() if partition in self._owned}
        self.astray = False
        return found

    def _committed(self, also: set[int]) -> tuple[list[TopicPartition], dict[int, int]]:
        """Return what is assigned and what is committed of it, and of `also`.

        An unfinished transaction holds the answer back until it ends. Who was replaced may never get one, and hears of
        it only while it asks for records: what these are is read again.
        """
        self.astray, deadline = True, time.monotonic() + REWIND_S
        while True:
            assigned = self.consumer.assignment()
            found = self._asked({one.partition for one in assigned} | also)
            if found is not None:
                return assigned, found
            if time.monotonic() > deadline:
                # Kafka answers others, and no transaction lasts as long: it is this client that hears nothing.
                self.require_ours()
                raise RoleExit("the committed offsets cannot be read, and Kafka is there", place=self._instance)
            self.read(DISCARDED, ASK_AGAIN_S)

    def _asked(self, partitions: set[int]) -> dict[int, int] | None:
        """Ask once; None: no answer."""
        try:
            asked = self.offsets(dict.fromkeys(partitions, 0))
            return _settled(self.consumer.committed(asked, timeout=ASK_S)) if asked else {}
        except KafkaException as failure:
            log.info("%s: committed offsets: %s", self._instance, failure.args[0].name())
            return None

    def _seek(self, partition: int, offset: int) -> None:
        try:
            self.consumer.seek(TopicPartition(self._topic, partition, offset))
        except KafkaException as failure:
            error: KafkaError = failure.args[0]
            # _STATE: the partition does not run here yet, or no more: it starts from the committed offset by itself.
            if error.code() != KafkaError._STATE:  # noqa: SLF001 - the client's own constant
                raise RoleExit(f"no going back ({error.name()})", place=self._instance) from None

    # --- whose the place is ---

    def require_ours(self) -> None:
        """Raise RoleExit when another process has taken this member's place; UnavailableError when nobody answers.

        Whoever replaces us joins the group with our instance id: the group's coordinator then names another member.
        """
        deadline = time.monotonic() + ASK_S
        while True:
            mine, holder = self.consumer.memberid(), holder_of(self._cluster, self._group, self._instance)
            if holder in {None, mine}:
                return
            if mine and mine == self.consumer.memberid():
                raise RoleExit("another process has taken this slot over", place=self._instance)
            if time.monotonic() > deadline:
                raise UnavailableError("the group's membership is not settled", place=self._instance)
            # We are joining again: that goes on while records are asked for, which are not for now.
            self.astray |= bool(self.read(1, ASK_AGAIN_S))

    def _on_assign(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._owned.update(one.partition for one in partitions)

    def _on_revoke(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        gone = {one.partition for one in partitions}
        self._owned -= gone
        self._left |= gone
        for partition in gone:
            self.known.pop(partition, None)

    def leave(self) -> None:
        """Leave. A static member keeps its partitions for the next incarnation of the slot, so nobody need be told.

        The client is kept as it is until the process ends. Its own close may wait for ever for an answer from itself,
        with Python's lock held, so that no thread of the process goes on (seen with confluent-kafka 2.16, as soon as
        a rebalance is under way or another has the place).
        """
        abandon(self.consumer)


def _settled(partitions: list[TopicPartition]) -> dict[int, int] | None:
    """Return offsets by partition, without those that never had one; None when one could not be had."""
    if any(one.error for one in partitions):
        return None
    return {one.partition: one.offset for one in partitions if one.offset >= 0}
