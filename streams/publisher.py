"""The publisher: a source's records onto their provider topic, exactly once.

Records, refusals, the account of both and the source's position are one Kafka transaction.
"""

import json
import logging
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Event

from ..processors.intake import Intake, SeenIds
from ..processors.judged import Judged, Rejected
from ..processors.quarantine import QuarantineSealer
from ..schemas.audit import PublisherAudit
from ..schemas.contract import DataContract
from ..schemas.errors import ConfigurationError, KeyUnavailableError, RoleExit, UnavailableError
from ..schemas.generation import Generation
from ..schemas.lanes import source_id
from ..schemas.observer import PublishCounts, PublisherObserver
from ..schemas.ports import Answering, KeyStore, Source, SourceRecord
from ..schemas.quarantine import QuarantineRecord
from ..schemas.versioned import pack
from .control import ControlReader
from .published import Published
from .settings import Cluster
from .sources import SourcePositions, mark
from .topics import AUDIT, quarantine_topic
from .transaction import Transaction, TransactionAborted, TransactionalProducer

log = logging.getLogger(__name__)
BATCH_RECORDS = 2_000
RETRY_S = 1.0
FOLLOW_S = 0.1
ABORT_PAUSE_S = 0.2

Sealed = tuple[bytes, list[tuple[str, bytes]]]
"""A refused record, encrypted, and its headers."""


@dataclass(frozen=True, slots=True)
class Feed:
    """A source and the dataset it feeds. `contract`: the one that the source was made from, if it was from one."""

    ecosystem: str
    name: str
    dataset: str
    source: Source
    contract: DataContract | None = None


@dataclass(frozen=True, slots=True)
class Bench:
    """What a publisher works with. `clock` gives milliseconds since the epoch."""

    cluster: Cluster
    keys: KeyStore
    observer: PublisherObserver
    clock: Callable[[], int]


class Publisher:
    """Publishes one source until told to stop. A second publisher of the same source fences the first."""

    def __init__(self, feed: Feed, bench: Bench) -> None:
        self._feed = feed
        self._bench = bench
        self._control = ControlReader(bench.cluster)
        self._producer = TransactionalProducer(bench.cluster, source_id(feed.ecosystem, feed.name))
        self._seen = SeenIds()
        self._judge: tuple[Generation, bool, Intake] | None = None
        self._published = Published(bench.cluster)
        self._sealer = QuarantineSealer(bench.keys, feed.dataset, f"source-{feed.name}", os.urandom)

    def run(self, stop: Event) -> None:
        """Publish until `stop` is set. Raises RoleExit when this process must be started again."""
        if not self._control.wait_for(self._feed.dataset, stop):
            return
        self._producer.init()  # first: from here on nobody else moves the position
        positions = SourcePositions(self._bench.cluster, self._feed.name)
        if positions.moved_ms is not None:
            self._bench.observer.heard(positions.moved_ms)
        if not self._open(positions, stop):
            return
        self._current(stop)
        self._bench.observer.state("running", "")
        for batch in self._feed.source.batches(BATCH_RECORDS):
            intake = self._current(stop)
            if batch and batch[0].again:
                intake.know(batch)
            elif batch:
                self._publish(batch, stop)
            if stop.is_set():
                return

    def _open(self, positions: SourcePositions, stop: Event) -> bool:
        """Open the source, when what it reads from is there; False when `stop` is set before."""
        while not stop.is_set():
            try:
                self._feed.source.open(positions.position, positions.finished)
            except UnavailableError as missing:
                self._wait(missing, stop)
            else:
                return True
        return False

    @property
    def control(self) -> ControlReader:
        """The reader whose generation the publisher acts on."""
        return self._control

    def close(self) -> None:
        self._producer.close()
        self._control.close()

    def _current(self, stop: Event) -> Intake:
        """Return who judges by what is in force now."""
        self._control.poll()
        # A source of format `auto` says with each batch whether its values are text (CSV).
        generation, text = self._control.in_force(), self._feed.source.text
        if self._judge is None or self._judge[0] is not generation or self._judge[1] != text:
            self._judge = generation, text, self._intake(generation, stop)
        return self._judge[2]

    def _intake(self, generation: Generation, stop: Event) -> Intake:
        held = generation.contracts.get(self._feed.dataset)
        if held is None:
            raise ConfigurationError(
                f"no generation in force names the dataset `{self._feed.dataset}`", remedy="run: penstock apply DIR"
            )
        self._require_kind(held.contract)
        schema_id = next(key for key, schema in held.writers.items() if schema == held.contract.schema)
        secret = self._bench.keys.reference_secret()
        memory = self._published.window(held, self._bench.clock(), stop) or self._seen
        return Intake(held.contract, schema_id, secret, text=self._feed.source.text, memory=memory)

    def _require_kind(self, contract: DataContract) -> None:
        """Raise RoleExit when a source reads by another contract than is in force: it is made anew with the role."""
        made = self._feed.contract
        if made is not None and _read_by(made) != _read_by(contract):
            raise RoleExit("the contract changed: the source begins anew with it", place=self._feed.dataset)

    def _publish(self, batch: Sequence[SourceRecord], stop: Event) -> None:
        """Publish a batch, whatever that has to wait for; by the contract that is in force when it is published."""
        intake = self._current(stop)
        judged = intake.judge(batch, self._bench.clock())
        while not stop.is_set():
            try:
                if (newer := self._current(stop)) is not intake:
                    intake, judged = newer, newer.judge(batch, self._bench.clock())
                self._tell(judged)
                self._commit(batch, judged, intake.topic)
            except TransactionAborted as aborted:
                log.warning("%s: %s; the batch is done again", self._feed.name, aborted.message)
                self._bench.observer.aborted()
                stop.wait(ABORT_PAUSE_S)
            except (UnavailableError, KeyUnavailableError) as missing:
                self._wait(missing, stop)
            else:
                judged.keep()
                self._feed.source.committed(batch[-1].position)
                self._bench.observer.state("running", "")
                return

    def _wait(self, missing: UnavailableError | KeyUnavailableError, stop: Event) -> None:
        log.warning("waiting: %s", missing)
        self._bench.observer.state("waiting", str(missing))
        until = time.monotonic() + RETRY_S
        while time.monotonic() < until and not stop.wait(FOLLOW_S):
            self._control.poll()

    def _tell(self, judged: Judged) -> None:
        """Tell a source whose senders wait what the transaction is about to say."""
        if isinstance(self._feed.source, Answering):
            self._feed.source.decided(judged.verdicts)

    def _commit(self, batch: Sequence[SourceRecord], judged: Judged, topic: str) -> None:
        started = time.monotonic()
        sealed = [self._seal(one) for one in judged.rejected]
        with self._producer.transaction() as transaction:
            transaction.produce(AUDIT, self._audit(judged), key=self._feed.name.encode())
            self._produce(transaction, judged, sealed, topic)
            mark(transaction, self._feed.name, batch)
        self._bench.observer.published(self._counts(judged), time.monotonic() - started)

    def _produce(self, transaction: Transaction, judged: Judged, sealed: Sequence[Sealed], topic: str) -> None:
        for one in judged.accepted:
            transaction.produce(topic, one.value, key=one.key)
        for value, headers in sealed:
            transaction.produce(quarantine_topic(self._feed.dataset), value, headers=headers, partition=0)

    def _counts(self, judged: Judged) -> PublishCounts:
        return PublishCounts(
            self._feed.name,
            self._feed.dataset,
            published=len(judged.accepted),
            quarantined=judged.refused,
            duplicates=judged.duplicates,
            flagged=judged.flagged,
            unclassified=judged.unclassified,
        )

    def _audit(self, judged: Judged) -> bytes:
        audit = PublisherAudit(
            self._feed.name,
            self._feed.dataset,
            self._bench.clock(),
            published=len(judged.accepted),
            quarantined=len(judged.rejected),
            duplicates=judged.duplicates,
            flagged=judged.flagged,
            unclassified=judged.unclassified,
        )
        return pack(audit.to_record())

    def _seal(self, rejected: Rejected) -> Sealed:
        record = QuarantineRecord(
            reason=rejected.reason,
            detail=rejected.detail,
            dataset=self._feed.dataset,
            source=rejected.source.place,
            schema_id=None,
            agreement=None,
            at_ms=self._bench.clock(),
            original=_original(rejected.source),
            sha256=rejected.source.sha256,
            size=rejected.source.size,
        )
        return self._sealer.seal(record, rejected.subject), record.headers()


def _read_by(contract: DataContract) -> tuple[object, ...]:
    """Return what of a contract sources go by."""
    return contract.provider, contract.schema, contract.drops_unknown, contract.event_id, contract.data_subject


def _original(record: SourceRecord) -> bytes | None:
    """Return what the source read: its bytes, or its value as JSON where only that is left; None if JSON has no way."""
    if record.raw is not None or record.value is None:
        return record.raw
    try:
        return json.dumps(record.value, default=repr, ensure_ascii=False).encode(errors="backslashreplace")
    except (TypeError, ValueError, RecursionError):
        return None
