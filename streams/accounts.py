"""What accounts for a batch: audit, disclosure and quarantine records, and the counts for whoever listens."""

from collections import Counter
from dataclasses import dataclass
from functools import partial

from ..processors.outcome import Input, Outcome, Output, Refused
from ..processors.quarantine import QuarantineSealer
from ..schemas.audit import Counts, ExchangeAudit
from ..schemas.disclosure import DisclosureForm
from ..schemas.observer import BatchCounts
from ..schemas.quarantine import QuarantineRecord
from ..schemas.versioned import pack
from .source import Source
from .topics import AUDIT, DISCLOSURES, LANES, quarantine_topic
from .work import Record

_output = partial(tuple.__new__, Output)


@dataclass(frozen=True, slots=True)
class Made:
    """Under what a batch was decided, and by whom: `at_ms` the instant of it, `epoch` when the slot began."""

    generation: int
    consent_offset: int
    at_ms: int
    slot: str
    epoch: int
    lane: int = 0


class Accounts:
    """Turns what follows from a batch of one dataset into records of our own topics."""

    def __init__(self, dataset: str, topic: str, sealer: QuarantineSealer) -> None:
        self._dataset = dataset
        self._topic = topic
        self._sealer = sealer

    def audit(self, source: Source, outcome: Outcome, made: Made) -> Record:
        """Return the audit record."""
        audit = ExchangeAudit(
            dataset=self._dataset,
            generation=made.generation,
            consent_offset=made.consent_offset,
            decided_at_ms=made.at_ms,
            slot=made.slot,
            epoch=made.epoch,
            inputs=source.ranges,
            agreements={
                key: Counts(one.released, one.withheld, one.quarantined) for key, one in outcome.tallies.items()
            },
            refused=sum(one.agreement is None for one in outcome.refused),
            unclassified=outcome.unclassified,
            put_aside=source.put_aside,
            catch_up=source.catch_up,
            taken_up=source.taken_up,
            lane=made.lane,
        )
        return Record(AUDIT, pack(audit.to_record()), key=self._dataset.encode())

    def disclosures(self, outcome: Outcome, made: Made) -> list[Output]:
        """Return a record for each data subject of each personal event."""
        value = DisclosureForm(self._dataset, self._topic, made.at_ms, made.generation).value
        return [
            _output((DISCLOSURES, 0, subject, value(subject, source.partition, source.offset, decisions)))
            for subject, source, decisions in outcome.disclosures
        ]

    def _place(self, source: Input) -> str:
        return f"{self._topic}/{source.partition}/{source.offset}"

    def quarantine(self, outcome: Outcome, made: Made) -> list[Record]:
        """Return what goes to quarantine, sealed."""
        return [self.sealed(one, made.at_ms) for one in outcome.refused]

    def sealed(self, refused: Refused, at_ms: int) -> Record:
        """Return one quarantine record."""
        record = QuarantineRecord(
            reason=refused.reason,
            detail=refused.detail,
            dataset=self._dataset,
            source=self._place(refused.source),
            schema_id=refused.schema_id,
            agreement=refused.agreement,
            at_ms=at_ms,
            original=refused.source.value,
        )
        sealed = self._sealer.seal(record, refused.subject)
        return Record(quarantine_topic(self._dataset), sealed, headers=record.headers())

    def states(self, source: Source) -> list[Record]:
        """Return what changes in the lane."""
        return [Record(LANES, one.to_value(), key=one.key()) for one in source.states]

    def counts(self, source: Source, outcome: Outcome, now_ms: int) -> BatchCounts:
        """Return what listeners are told once the batch is committed; an event is dealt with when it first comes."""
        batch = () if source.catch_up else source.records
        return BatchCounts(
            dataset=self._dataset,
            events=len(batch),
            released={key: tally.released for key, tally in outcome.tallies.items()},
            withheld={key: dict(tally.withheld) for key, tally in outcome.tallies.items()},
            quarantined=dict(Counter(one.reason for one in outcome.refused)),
            lag_seconds=max(0.0, (now_ms - min(one.appended_ms for one in batch)) / 1000) if batch else None,
            encrypted={key: tally.encrypted for key, tally in outcome.tallies.items()},
            unclassified=outcome.unknown_fields,
            appended=Counter(one.appended_ms for one in batch),
        )
