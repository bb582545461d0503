"""A lane's work on one batch: what is released to whom, what is refused, and what accounts for it.

Compiled for one generation. It makes no I/O but asking the key store for the batch's keys, once, before anything is
protected; clock and randomness are arguments (law 6).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..schemas.confluent_wire import claimed_schema_id
from ..schemas.errors import KeyUnavailableError, RecordError, UnavailableError
from ..schemas.generation import Generation
from ..schemas.ports import SubjectWant
from ..schemas.reasons import Reason, Refusal
from .decoding import Decoder, Event, WriterSchema
from .encrypt import Nonce
from .outcome import Disclosure, Input, Outcome, Refused, Tally
from .policy import decide, standing
from .served import Keys, Served, WorkerKeys

Consents = Mapping[str, frozenset[bytes]]
"""Given consents: references of data subjects by agreement."""

RELEASED = "released"
QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class Decided:
    """An event and, by agreement, why it may not go (None: it may)."""

    source: Input
    event: Event
    reasons: Mapping[str, Reason | None]


class LaneProgram:
    """The common lane of one dataset under one generation."""

    def __init__(self, generation: Generation, dataset: str, store: WorkerKeys, ask: WriterSchema) -> None:
        held = generation.contracts[dataset]
        self.generation = generation
        self.contract = held.contract
        self._keys = store.keys
        self._decoder = Decoder(held.contract, held.writers, ask, store.keys.reference_secret())
        self._served = [Served(generation, one, store, self._decoder) for one in generation.of_dataset(dataset)]

    def process(self, batch: Sequence[Input], at_ms: int, consents: Consents, nonce: Nonce) -> Outcome:
        """Return everything that follows from `batch`.

        Raises UnavailableError when a schema or the keys cannot be had: then nothing is released and the batch waits.
        """
        outcome = Outcome(tallies={one.agreement.id: Tally() for one in self._served})
        standings = {one.agreement.id: self._standing(one, at_ms) for one in self._served}
        decided = []
        for source in batch:
            event = self._decode(source, outcome)
            if event is not None:
                decided.append(Decided(source, event, self._decide(event, standings, consents)))
        keys = self._keys.subject_keys(self._wants(decided))
        for one in decided:
            self._release(one, keys, nonce, outcome)
        return outcome

    def _standing(self, served: Served, at_ms: int) -> Reason | None:
        return standing(served.agreement, self.generation.charter, served.held.status, at_ms)

    def _decode(self, source: Input, outcome: Outcome) -> Event | None:
        try:
            return self._decoder.decode(source.value)
        except RecordError as bad:
            outcome.refused.append(self._undecoded(source, bad.reason, bad.message))
        except UnavailableError:
            raise
        except Exception as failure:  # noqa: BLE001 - whatever a record does to us, its neighbours go on (law 1)
            detail = f"decoding failed: {type(failure).__name__}"
            outcome.refused.append(self._undecoded(source, Refusal.POISON, detail))
        return None

    def _undecoded(self, source: Input, reason: str, detail: str) -> Refused:
        subject = self._decoder.subject_in(source.value)
        return Refused(source, reason, detail, subject, claimed_schema_id(source.value))

    def _decide(
        self, event: Event, standings: Mapping[str, Reason | None], consents: Consents
    ) -> dict[str, Reason | None]:
        reasons: dict[str, Reason | None] = {}
        for served in self._served:
            key = served.agreement.id
            given = consents.get(key, frozenset())
            reasons[key] = standings[key] or decide(served.program(event.schema_id), event, given)
        return reasons

    def _wants(self, decided: Sequence[Decided]) -> set[SubjectWant]:
        wants: set[SubjectWant] = set()
        for one in decided:
            for served in self._served:
                if one.reasons[served.agreement.id] is None:
                    wants.update(served.wants(one.event).values())
        return wants

    def _release(self, one: Decided, keys: Keys, nonce: Nonce, outcome: Outcome) -> None:
        said: dict[str, str] = {}
        for served in self._served:
            key = served.agreement.id
            reason = one.reasons[key]
            if reason is None:
                said[key] = self._release_to(served, one, keys, nonce, outcome)
            else:
                outcome.tallies[key].withhold(reason)
                said[key] = reason.value
        for subject in sorted(set(one.event.subjects.values())):
            outcome.disclosures.append(Disclosure(subject, one.source, said))

    def _release_to(self, served: Served, one: Decided, keys: Keys, nonce: Nonce, outcome: Outcome) -> str:
        tally = outcome.tallies[served.agreement.id]
        try:
            output = served.view(one.source, one.event, keys, nonce)
        except KeyUnavailableError:
            tally.withhold(Reason.KEY_UNAVAILABLE)
            return Reason.KEY_UNAVAILABLE.value
        except UnavailableError:
            raise
        except RecordError as bad:
            outcome.refused.append(self._refused(served, one, bad.reason, bad.message))
        except Exception as failure:  # noqa: BLE001 - whatever a record does to us, its neighbours go on (law 1)
            detail = f"protecting failed: {type(failure).__name__}"
            outcome.refused.append(self._refused(served, one, Refusal.POISON, detail))
        else:
            outcome.outputs.append(output)
            tally.released += 1
            for path in served.program(one.event.schema_id).unclassified:
                outcome.unclassified[path] = outcome.unclassified.get(path, 0) + 1
            return RELEASED
        tally.quarantined += 1
        return QUARANTINED

    def _refused(self, served: Served, one: Decided, reason: str, detail: str) -> Refused:
        subject = one.event.subjects.get(self.contract.data_subject or "")
        return Refused(one.source, reason, detail, subject, one.event.schema_id, served.agreement.id)
