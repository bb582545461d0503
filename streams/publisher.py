"""The publisher: a source's records onto their provider topic, exactly once.

Records, refusals, the account of both and the source's position are one Kafka transaction.
"""

import json
import logging
import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Event

from ..processors.intake import Accepted, Intake, Rejected, SeenIds
from ..processors.quarantine import QuarantineSealer
from ..schemas.audit import PublisherAudit
from ..schemas.errors import ConfigurationError, KeyUnavailableError, UnavailableError
from ..schemas.generation import Generation
from ..schemas.lanes import source_id
from ..schemas.observer import PublishCounts, PublisherObserver
from ..schemas.ports import KeyStore, Source, SourceRecord
from ..schemas.quarantine import QuarantineRecord
from ..schemas.versioned import pack
from .control import ControlReader
from .settings import Cluster
from .sources import SourcePositions, mark
from .topics import AUDIT, quarantine_topic
from .transaction import Transaction, TransactionAborted, TransactionalProducer

log = logging.getLogger(__name__)
BATCH_RECORDS = 2_000
RETRY_S = 1.0
ABORT_PAUSE_S = 0.2


@dataclass(frozen=True, slots=True)
class Feed:
    """A source and the dataset it feeds."""

    ecosystem: str
    name: str
    dataset: str
    source: Source


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
        self._sealer = QuarantineSealer(bench.keys, feed.dataset, f"source-{feed.name}", os.urandom)

    def run(self, stop: Event) -> None:
        """Publish until `stop` is set. Raises RoleExit when this process must be started again."""
        if not self._control.wait_for(self._feed.dataset, stop):
            return
        self._producer.init()  # first: from here on nobody else moves the position
        positions = SourcePositions(self._bench.cluster, self._feed.name)
        self._feed.source.open(positions.position, positions.finished)
        generation, text = self._control.in_force(), self._feed.source.text
        intake = self._intake(generation)
        self._bench.observer.state("running", "")
        for batch in self._feed.source.batches(BATCH_RECORDS):
            newer = self._control.poll()
            if newer is not None or self._feed.source.text != text:
                # A source of format `auto` says with each batch whether its values are text (CSV).
                generation, text = newer or generation, self._feed.source.text
                intake = self._intake(generation)
            if batch and batch[0].again:
                intake.know(batch)
            elif batch:
                self._publish(batch, intake, stop)
            if stop.is_set():
                return

    def close(self) -> None:
        self._producer.close()
        self._control.close()

    def _intake(self, generation: Generation) -> Intake:
        held = generation.contracts.get(self._feed.dataset)
        if held is None:
            raise ConfigurationError(
                f"no generation in force names the dataset `{self._feed.dataset}`", remedy="run: penstock apply DIR"
            )
        schema_id = next(key for key, schema in held.writers.items() if schema == held.contract.schema)
        secret = self._bench.keys.reference_secret()
        return Intake(held.contract, schema_id, secret, text=self._feed.source.text, seen=self._seen)

    def _publish(self, batch: Sequence[SourceRecord], intake: Intake, stop: Event) -> None:
        taken = [intake.take(record) for record in batch]
        rejected = [one for one in taken if isinstance(one, Rejected)]
        accepted = [one for one in taken if isinstance(one, Accepted)]
        while not stop.is_set():
            try:
                sealed = [self._seal(one) for one in rejected]
                self._commit(batch, accepted, sealed, intake.topic)
            except TransactionAborted as aborted:
                log.warning("%s: %s; the batch is done again", self._feed.name, aborted.message)
                self._bench.observer.aborted()
                stop.wait(ABORT_PAUSE_S)
            except (UnavailableError, KeyUnavailableError) as missing:
                log.warning("waiting: %s", missing)
                self._bench.observer.state("waiting", str(missing))
                stop.wait(RETRY_S)
            else:
                self._feed.source.committed(batch[-1].position)
                self._bench.observer.state("running", "")
                return

    def _commit(
        self,
        batch: Sequence[SourceRecord],
        accepted: Sequence[Accepted],
        sealed: Sequence[tuple[str, bytes, list[tuple[str, bytes]]]],
        topic: str,
    ) -> None:
        started = time.monotonic()
        with self._producer.transaction() as transaction:
            transaction.produce(AUDIT, self._audit(len(accepted), len(sealed)), key=self._feed.name.encode())
            self._produce(transaction, accepted, sealed, topic)
            mark(transaction, self._feed.name, batch)
        counts = PublishCounts(
            self._feed.name, self._feed.dataset, len(accepted), dict(Counter(reason for reason, _, _ in sealed))
        )
        self._bench.observer.published(counts, time.monotonic() - started)

    def _produce(
        self,
        transaction: Transaction,
        accepted: Sequence[Accepted],
        sealed: Sequence[tuple[str, bytes, list[tuple[str, bytes]]]],
        topic: str,
    ) -> None:
        for one in accepted:
            transaction.produce(topic, one.value, key=one.key)
        for _, value, headers in sealed:
            transaction.produce(quarantine_topic(self._feed.dataset), value, headers=headers, partition=0)

    def _audit(self, published: int, quarantined: int) -> bytes:
        audit = PublisherAudit(self._feed.name, self._feed.dataset, self._bench.clock(), published, quarantined)
        return pack(audit.to_record())

    def _seal(self, rejected: Rejected) -> tuple[str, bytes, list[tuple[str, bytes]]]:
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
        return rejected.reason, self._sealer.seal(record, rejected.subject), record.headers()


def _original(record: SourceRecord) -> bytes | None:
    """Return what the source read: its bytes, or its value as JSON where only that is left; None if JSON has no way."""
    if record.raw is not None or record.value is None:
        return record.raw
    try:
        return json.dumps(record.value, default=repr, ensure_ascii=False).encode(errors="backslashreplace")
    except (TypeError, ValueError, RecursionError):
        return None
