"""The exchange: one slot of a dataset's common lane, from provider topic to view topics, audit and disclosures."""

import logging
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Event
from typing import Any

from ..processors.lane import LaneProgram
from ..processors.outcome import Disclosure, Input, Outcome, Refused
from ..processors.quarantine import QuarantineSealer
from ..processors.served import WorkerKeys
from ..schemas.audit import Counts, ExchangeAudit, InputRange
from ..schemas.disclosure import DisclosureRecord
from ..schemas.errors import (
    ConfigurationError,
    KeyUnavailableError,
    RecordError,
    RefusedError,
    UnavailableError,
)
from ..schemas.generation import Generation
from ..schemas.lanes import lane_group
from ..schemas.observer import BatchCounts, ExchangeObserver
from ..schemas.ports import KeyStore
from ..schemas.quarantine import QuarantineRecord
from ..schemas.reasons import Refusal
from ..schemas.versioned import pack
from .consents import ConsentReader
from .control import ControlReader
from .registry_client import RegistryClient
from .runner import Inbound, Runner
from .settings import Cluster
from .topics import AUDIT, DISCLOSURES, quarantine_topic
from .work import Batch, Record

log = logging.getLogger(__name__)
RETRY_S = 1.0
MOST_UNKNOWN = 100_000


@dataclass(frozen=True, slots=True)
class Slot:
    """A worker's place: which dataset, which number. A restart takes the same slot."""

    ecosystem: str
    dataset: str
    number: int


@dataclass(frozen=True, slots=True)
class World:
    """What an exchange slot works with. `clock` gives milliseconds since the epoch."""

    cluster: Cluster
    keys: KeyStore
    registry: RegistryClient
    observer: ExchangeObserver
    clock: Callable[[], int]


class Exchange:
    """Runs one slot until told to stop. `control` has read a generation that names the slot's dataset."""

    def __init__(self, slot: Slot, world: World, control: ControlReader) -> None:
        self._slot = slot
        self._keys = world.keys
        self._registry = world.registry
        self._observer = world.observer
        self._clock = world.clock
        self._epoch = world.clock()
        self._control = control
        self._consents = ConsentReader(world.cluster)
        self._unknown: set[int] = set()
        self._sealer = QuarantineSealer(world.keys, slot.dataset, f"exchange-{slot.number}", os.urandom)
        self._program = self._compile(control.in_force())
        self._topic = self._program.contract.topic
        group = lane_group(slot.ecosystem, self._topic)
        self._runner = Runner(world.cluster, self._topic, group, str(slot.number), self._prepare)

    def run(self, stop: Event) -> None:
        """Serve until `stop` is set. Raises RoleExit when this process must be started again in its slot."""
        self._consents.catch_up()
        self._runner.start()
        self._observer.state("running", "")
        waiting = False
        while not stop.is_set():
            try:
                done = self._runner.step()
                if not done:
                    self._observer.idle(self._slot.dataset)
                    self._refresh()
            except UnavailableError as missing:
                # The partition waits: what cannot be decided or protected now is neither released nor lost.
                log.warning("waiting: %s", missing)
                self._observer.state("waiting", str(missing))
                waiting = True
                stop.wait(RETRY_S)
            else:
                # After a rewind the batch takes a moment to come again; until it is done, the slot still waits.
                waiting = waiting and not done
                if not waiting:
                    self._observer.state("running", "")

    def close(self) -> None:
        self._runner.close()
        self._consents.close()

    def _compile(self, generation: Generation) -> LaneProgram:
        self._unknown.clear()
        worker = WorkerKeys(self._keys, f"{self._slot.dataset}-{self._slot.number}")
        program = LaneProgram(generation, self._slot.dataset, worker, self._ask_writer)
        self._observer.generation(generation.number)
        return program

    def _refresh(self) -> None:
        """Act on what changed since the last batch: a whole generation, or consents."""
        self._control.poll()
        # Not what `poll` returned: where compiling had to wait, the generation that it was for still counts.
        newest = self._control.in_force()
        if newest.number != self._program.generation.number:
            if self._slot.dataset not in newest.contracts:
                raise ConfigurationError(f"the dataset `{self._slot.dataset}` is no longer in force")
            self._program = self._compile(newest)
        self._consents.poll()

    def _ask_writer(self, schema_id: int) -> Mapping[str, Any]:
        """Look an unknown writer schema up: only a schema that `apply` brought may be decoded.

        Asked once a generation for each id, so that garbage costs little.
        """
        schema = None if schema_id in self._unknown else self._ask_registry(schema_id)
        held = self._program.generation.contracts[self._slot.dataset]
        if schema is not None and any(schema == brought for brought in held.writers.values()):
            return schema
        if len(self._unknown) < MOST_UNKNOWN:
            self._unknown.add(schema_id)
        raise RecordError(
            Refusal.UNKNOWN_SCHEMA,
            f"schema id {schema_id} is none that `penstock apply` brought for {self._topic}",
            remedy="add the schema to the data contract and apply it",
        )

    def _ask_registry(self, schema_id: int) -> Mapping[str, Any] | None:
        try:
            return self._registry.schema(schema_id)
        except RefusedError as refused:
            # Of our credentials, not of this record: it waits until somebody mends them.
            raise UnavailableError(refused.message, place=refused.place, remedy=refused.remedy) from None

    def _prepare(self, batch: list[Inbound]) -> Batch:
        try:
            return self._prepared(batch)
        except KeyUnavailableError as missing:
            # Of the store, not of this batch: whoever restores it should find everything where it was.
            raise UnavailableError(missing.message, place=missing.place, remedy=missing.remedy) from None

    def _prepared(self, batch: list[Inbound]) -> Batch:
        self._refresh()
        decided_at = self._clock()
        inputs = [Input(one.partition, one.offset, one.value) for one in batch]
        outcome = self._program.process(inputs, decided_at, self._consents.given, os.urandom)
        records = [self._audit(batch, outcome, decided_at)]
        records += [self._disclosure(one, decided_at) for one in outcome.disclosures]
        records += [self._quarantine(one, decided_at) for one in outcome.refused]
        return Batch(records, outcome.outputs, self._observer, self._counts(batch, outcome))

    def _audit(self, batch: Sequence[Inbound], outcome: Outcome, decided_at: int) -> Record:
        audit = ExchangeAudit(
            dataset=self._slot.dataset,
            generation=self._program.generation.number,
            consent_offset=self._consents.offset,
            decided_at_ms=decided_at,
            slot=self._runner.transactional_id,
            epoch=self._epoch,
            inputs=_ranges(batch),
            agreements={
                key: Counts(one.released, one.withheld, one.quarantined) for key, one in outcome.tallies.items()
            },
            refused=sum(one.agreement is None for one in outcome.refused),
            unclassified=outcome.unclassified,
        )
        return Record(AUDIT, pack(audit.to_record()), key=self._slot.dataset.encode())

    def _disclosure(self, one: Disclosure, decided_at: int) -> Record:
        told = DisclosureRecord(
            subject=one.subject,
            dataset=self._slot.dataset,
            source=self._place(one.source),
            at_ms=decided_at,
            generation=self._program.generation.number,
            decisions=one.decisions,
        )
        return Record(DISCLOSURES, pack(told.to_record()), key=one.subject)

    def _place(self, source: Input) -> str:
        return f"{self._topic}/{source.partition}/{source.offset}"

    def _quarantine(self, refused: Refused, at_ms: int) -> Record:
        record = QuarantineRecord(
            reason=refused.reason,
            detail=refused.detail,
            dataset=self._slot.dataset,
            source=self._place(refused.source),
            schema_id=refused.schema_id,
            agreement=refused.agreement,
            at_ms=at_ms,
            original=refused.source.value,
        )
        sealed = self._sealer.seal(record, refused.subject)
        return Record(quarantine_topic(self._slot.dataset), sealed, headers=record.headers())

    def _counts(self, batch: Sequence[Inbound], outcome: Outcome) -> BatchCounts:
        return BatchCounts(
            dataset=self._slot.dataset,
            events=len(batch),
            released={key: tally.released for key, tally in outcome.tallies.items()},
            withheld={key: dict(tally.withheld) for key, tally in outcome.tallies.items()},
            quarantined=dict(Counter(one.reason for one in outcome.refused)),
            lag_seconds=max(0.0, (self._clock() - min(one.appended_ms for one in batch)) / 1000),
        )


def _ranges(batch: Sequence[Inbound]) -> dict[int, InputRange]:
    """Return, per partition, the first offset and the one after the last, and how many records lie between."""
    found: dict[int, InputRange] = {}
    for one in batch:
        first, _, records = found.get(one.partition, (one.offset, 0, 0))
        found[one.partition] = InputRange(first, one.offset + 1, records + 1)
    return found
