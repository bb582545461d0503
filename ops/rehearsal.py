"""Rehearsing: what the documents would do with one event, by the code of a worker, with keys that are thrown away."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..processors.compiled.written import Written
from ..processors.intake import Intake
from ..processors.judged import Accepted
from ..processors.keys import subject_reference
from ..processors.lane import LaneProgram
from ..processors.outcome import Input
from ..processors.served import WorkerKeys
from ..schemas.agreement import Agreement
from ..schemas.avro_paths import getter
from ..schemas.codec import Codec
from ..schemas.confluent_wire import unframe
from ..schemas.errors import DocumentError, RecordError
from ..schemas.generation import AgreementInForce, ContractInForce, Generation
from ..schemas.ports import SourceRecord
from ..schemas.reasons import Reason
from ..schemas.scenario import Given
from ..schemas.view_label import view_schema_of
from .documents.load import Documents
from .documents.scenarios import Decided
from .store.memory import MemoryKeyStore

WRITER, VIEW = 1, 2


@dataclass(frozen=True, slots=True)
class Occasion:
    """When an event is decided, and whether its data subject's consent stands."""

    at_ms: int
    consent: bool


class Rehearsal:
    """Decides events under the documents as they are on disk; nothing is in force, nothing leaves."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._keys = MemoryKeyStore()

    def scenario(self, agreement: Agreement, given: Given) -> Decided:
        """Decide a scenario's event. Raises RecordError for an event that its contract refuses."""
        occasion = Occasion(int(given.at.timestamp() * 1000), given.consent == "given")
        return self.decide(agreement, given.event, occasion)

    def decide(self, agreement: Agreement, event: Mapping[str, Any], occasion: Occasion) -> Decided:
        """Decide one event, given as plain JSON. Raises RecordError for an event that its contract refuses."""
        generation = self._generation(agreement)
        contract = generation.contracts[agreement.dataset].contract
        intake = Intake(contract, WRITER, self._keys.reference_secret(), text=False)
        taken = intake.take(SourceRecord({}, "the event", event), occasion.at_ms)
        if not isinstance(taken, Accepted):
            raise RecordError(taken.reason, taken.detail, place="the event")
        program = LaneProgram(generation, contract.id, WorkerKeys(self._keys, "rehearsal"), _no_other_writer)
        consents = {agreement.id: self._consents(contract.data_subject, taken.value, occasion, contract.schema)}
        outcome = program.process([Input(0, 0, taken.value)], occasion.at_ms, consents, os.urandom)
        if outcome.refused:
            raise RecordError(outcome.refused[0].reason, outcome.refused[0].detail, place="the event")
        if not outcome.outputs:
            return Decided(Reason(next(iter(outcome.tallies[agreement.id].withheld))))
        _, payload = unframe(outcome.outputs[0].value)
        return Decided(None, Codec(generation.agreements[agreement.id].view_schema).decode(payload))

    def compiled(self, agreement: Agreement) -> Written | None:
        """Return the compiled program of one agreement, for events of its contract's own schema."""
        generation = self._generation(agreement)
        keys = WorkerKeys(self._keys, "rehearsal")
        return LaneProgram(generation, agreement.dataset, keys, _no_other_writer).written(WRITER)

    def _generation(self, agreement: Agreement) -> Generation:
        contract = self._documents.contracts.get(agreement.dataset)
        if contract is None:
            raise DocumentError(f"agreement {agreement.id} names a dataset that has no contract: {agreement.dataset}")
        view = view_schema_of(contract, agreement)
        held = AgreementInForce(agreement, "", "in_force", True, agreement.view_topic, VIEW, view)
        return Generation(
            number=0,
            at_ms=0,
            ecosystem=self._documents.ecosystem.id,
            charter=self._documents.charter,
            contracts={contract.id: ContractInForce(contract, "", {WRITER: contract.schema})},
            agreements={agreement.id: held},
        )

    def _consents(
        self, path: str | None, framed: bytes, occasion: Occasion, schema: Mapping[str, Any]
    ) -> frozenset[bytes]:
        if path is None or not occasion.consent:
            return frozenset()
        subject = getter(path)(Codec(schema).decode(unframe(framed)[1]))
        return frozenset({subject_reference(self._keys.reference_secret(), str(subject))})


def _no_other_writer(schema_id: int) -> Mapping[str, Any]:
    raise RecordError("unknown_schema", f"schema id {schema_id} is not of this rehearsal")
