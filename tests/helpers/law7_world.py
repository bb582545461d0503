"""An ecosystem whose workers are processes that can be stopped at a named point, fed straight into provider topics."""

import contextlib
import itertools
import os
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from access_world import AccessWorld
from broker_times import Partitions, taken
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from ecosystem import end, events, penstock, until

from penstock.ops.faults import VARIABLE
from penstock.ops.supervisor import RoleCommand, Supervisor
from penstock.processors.keys import subject_reference
from penstock.schemas.codec import Codec
from penstock.schemas.confluent_wire import frame
from penstock.schemas.consent import ConsentRecord, consent_from
from penstock.schemas.slot_record import SlotRecord
from penstock.schemas.topic_names import AUDIT, CONSENTS, CONTROL
from penstock.schemas.versioned import unpack
from penstock.streams.slots import SlotBoard

POISED = 20
"""Events that a stopped worker has in its hands."""


@dataclass
class Worker:
    """A slot's process."""

    process: "subprocess.Popen[bytes]"
    faults: Path
    log: Path

    def arm(self, fault: str) -> None:
        """Let a fault in: POINT ACTION [N]."""
        self.faults.write_text(fault)
        self.process.send_signal(signal.SIGUSR1)

    @property
    def is_stopped(self) -> bool:
        return Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)


class Law7World:
    """Broker and gateway run; workers are a test's own."""

    def __init__(self, access: AccessWorld, folder: Path) -> None:
        self.access = access
        self.ecosystem = access.ecosystem
        self._folder = folder
        self._numbers = itertools.count()
        self._asking: dict[str, Consumer] = {}
        self.fed: Counter[str] = Counter()

    @cached_property
    def client(self) -> Mapping[str, Any]:
        return {**self.access.settings("operator"), "log_level": 0}

    @contextlib.contextmanager
    def worker(self, dataset: str) -> Iterator[Worker]:
        """Run slot 0 of a dataset; return when it has said that it is there."""
        name = f"{dataset}-{next(self._numbers)}"
        faults, log = self._folder / f"{name}.fault", self._folder / f"{name}.log"
        faults.write_text("")
        argv = penstock("run", "exchange", str(self.ecosystem.directory), "--dataset", dataset)
        known = self.words(dataset)
        with log.open("ab") as out:
            process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env={**os.environ, VARIABLE: str(faults)}
            )
        try:
            until(lambda: [one for one in self.words(dataset) if one not in known], "the slot says nothing")
            yield Worker(process, faults, log)
        finally:
            process.send_signal(signal.SIGCONT)
            end(process)

    @contextlib.contextmanager
    def supervised(self, dataset: str, *directories: Path) -> Iterator[None]:
        """Keep a slot of a dataset running in each of `directories` (none: one, in the ecosystem's), as `up` does.

        Return when all have said that they are there.
        """
        places = directories or (self.ecosystem.directory,)
        supervisor = Supervisor([self._slot(dataset, number, one) for number, one in enumerate(places)])
        known = self.words(dataset)
        supervisor.start()
        try:
            until(
                lambda: len([one for one in self.words(dataset) if one not in known]) == len(places),
                "a slot says nothing",
            )
            yield
        finally:
            supervisor.stop()

    def _slot(self, dataset: str, number: int, directory: Path) -> RoleCommand:
        words = ("run", "exchange", str(directory), "--dataset", dataset, "--slot", str(number))
        return RoleCommand(f"exchange-{number}", penstock(*words), None, self.log(dataset, number))

    def log(self, dataset: str, number: int) -> Path:
        """Where a supervised slot writes what it has to say."""
        return self._folder / f"{dataset}-{number}-supervised.log"

    def words(self, dataset: str) -> list[SlotRecord]:
        self._board.catch_up()
        return [one for one in self._board.standing().values() if one.place.dataset == dataset]

    @cached_property
    def _board(self) -> SlotBoard:
        """Kept, since it is asked while others must be quick: one made for each question would cost a core."""
        return SlotBoard(self.access.wiring.cluster())

    def close(self) -> None:
        for one in (*self._asking.values(), self._board):
            one.close()

    # --- feeding ---

    def values(self, dataset: str, count: int = 500, **changes: Any) -> list[bytes]:
        """Events as they lie on a provider topic; `changes` are made in each of them."""
        held = self.access.generation.contracts[dataset]
        (schema_id,) = held.writers
        codec = Codec(held.contract.schema)
        found = (event for to, event in events(10 * count, 7) if to == dataset)
        return [frame(schema_id, codec.encode({**one, **changes})) for one in itertools.islice(found, count)]

    def feed(self, dataset: str, values: list[bytes]) -> None:
        producer = Producer({**self.client, "enable.idempotence": True})
        self._produce(producer, dataset, values)
        assert producer.flush(20) == 0

    @contextlib.contextmanager
    def feeding(self, dataset: str, values: list[bytes], a_second: int) -> Iterator[None]:
        """Publish `values` again and again, so many a second, while the block runs."""
        stop = threading.Event()
        thread = threading.Thread(target=self._feed, args=(dataset, values, a_second, stop))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _feed(self, dataset: str, values: list[bytes], a_second: int, stop: threading.Event) -> None:
        producer = Producer({**self.client, "enable.idempotence": True, "linger.ms": 5})
        more, given, started = itertools.cycle(values), 0, time.monotonic()
        while not stop.wait(0.02):
            due = int((time.monotonic() - started) * a_second) - given
            self._produce(producer, dataset, list(itertools.islice(more, due)))
            given += due
        assert producer.flush(20) == 0

    def _produce(self, producer: Producer, dataset: str, values: list[bytes]) -> None:
        contract = self.access.generation.contracts[dataset].contract
        for number, value in enumerate(values):
            producer.produce(contract.topic, value, partition=number % contract.partitions)
        producer.poll(0)
        self.fed[dataset] += len(values)

    @contextlib.contextmanager
    def others_consenting(self, agreement: str, a_second: int) -> Iterator[None]:
        """Let people of whom no event tells consent and withdraw, so many a second, while the block runs."""
        stop = threading.Event()
        thread = threading.Thread(target=self._consent, args=(agreement, a_second, stop))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _consent(self, agreement: str, a_second: int, stop: threading.Event) -> None:
        # The commands' own id would fence them.
        producer = Producer({**self.client, "transactional.id": "operator.others", "linger.ms": 0})
        producer.init_transactions(30)
        for number in itertools.count():
            if stop.wait(1 / a_second):
                return
            said = ConsentRecord(agreement, number.to_bytes(16, "big"), bool(number % 2), 0)
            producer.begin_transaction()
            producer.produce(CONSENTS, said.to_value(), key=said.key())
            producer.commit_transaction(30)

    # --- looking ---

    def withdrawn_at(self, identifier: str) -> float:
        """When the record was made in which a person withdrew."""
        subject = subject_reference(self.access.wiring.key_store().reference_secret(), identifier)
        found = [(at, consent_from(value)) for at, value in self._records(CONSENTS, committed=True)]
        return max(at for at, one in found if one.subject == subject and not one.given) / 1000

    def released(self, view: str, *, committed: bool = True) -> list[float]:
        """When the broker appended each record of a view, in seconds; with those not committed, if wanted."""
        return [timestamp / 1000 for timestamp, _ in self._records(view, committed=committed)]

    def changed_at(self) -> float:
        """When the newest control record was made."""
        return self._records(CONTROL, committed=True)[-1][0] / 1000

    def audits(self, dataset: str) -> list[dict[str, Any]]:
        """What the dataset's exchange accounts for, one for each of its transactions."""
        found = [unpack(value) for _, value in self._records(AUDIT, committed=True)]
        return [one for one in found if one["kind"] == "exchange" and one["dataset"] == dataset]

    def accounted(self, dataset: str) -> int:
        return sum(records for one in self.audits(dataset) for _, _, records in one["inputs"].values())

    def done(self, dataset: str) -> int:
        """How many events the exchange's committed transactions have dealt with. Cheap: to be asked while work goes on.

        What is fed are records without transactions, so that offsets count them.
        """
        if dataset not in self._asking:
            group = next(one.place.group for one in self.words(dataset))
            self._asking[dataset] = Consumer({**self.client, "group.id": group, "enable.auto.commit": False})
        contract = self.access.generation.contracts[dataset].contract
        places = [TopicPartition(contract.topic, one) for one in range(contract.partitions)]
        return sum(max(0, one.offset) for one in self._asking[dataset].committed(places, 20))

    def taken(self, topic: str) -> Partitions:
        """When Kafka took and committed each batch of a topic."""
        return taken(self.ecosystem.directory / ".penstock" / "broker" / "data", topic)

    def _records(self, topic: str, *, committed: bool) -> list[tuple[int, bytes]]:
        isolation = "read_committed" if committed else "read_uncommitted"
        own = {"group.id": "operator.law7", "isolation.level": isolation, "enable.partition.eof": True}
        consumer = Consumer({**self.client, **own, "auto.offset.reset": "earliest", "enable.auto.commit": False})
        try:
            partitions = consumer.list_topics(topic, 20).topics[topic].partitions
            places = [TopicPartition(topic, one, 0) for one in partitions]
            # While records flow the end moves on and is never told: as of now is enough.
            ends = {one.partition: consumer.get_watermark_offsets(one, 20)[1] for one in places}
            consumer.assign(places)
            left, found = {one for one, end in ends.items() if end}, []
            deadline = time.monotonic() + 60
            while left:
                assert time.monotonic() < deadline
                for message in consumer.consume(1_000, 0.2):
                    error = message.error()
                    if error is None:
                        found.append((message.timestamp()[1], message.value()))
                    else:
                        assert error.code() == KafkaError._PARTITION_EOF, error
                    if error is not None or message.offset() >= ends[message.partition()] - 1:
                        left.discard(message.partition())
            return found
        finally:
            consumer.close()
