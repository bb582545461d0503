"""A lane's work on one batch: what is released to whom, what is refused, and what accounts for it.

Compiled for one generation. It makes no I/O but asking the key store for the batch's keys, once, before anything is
protected; clock and randomness are arguments (law 6). A batch is done as a whole, by the Python back end (`python`) or
the compiled one (`native`); what they do not take, and all of it in the slow one, event by event (`one_by_one`).
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from ..schemas.contract import DataContract
from ..schemas.ecosystem import BackEnd
from ..schemas.errors import ConfigurationError
from ..schemas.generation import Generation
from .back_end import REMEDY
from .compiled.written import Written
from .decoding import Decoder, WriterSchema
from .encrypt import Nonce
from .event_work import QUARANTINED, RELEASED, EventWork, Scanned
from .native.batch_work import BatchWork
from .native.extension import extension
from .native.programs import Programs
from .nonces import Nonces
from .one_by_one import OneByOne, Task
from .outcome import Input, Outcome, Tally
from .policy import standing
from .python.batch_work import PythonWork
from .python.programs import PythonPrograms
from .served import Served, WorkerKeys
from .served_by_writer import ByWriter
from .standings import Standings
from .turns import NOTHING, Turn

__all__ = ["QUARANTINED", "RELEASED", "Consents", "LaneProgram", "Scanned"]

Consents = Mapping[str, frozenset[bytes]]
"""Given consents: references of data subjects by agreement."""


class Way(Protocol):
    """How the batches of a lane are done."""

    def process(self, task: Task, outcome: Outcome) -> None:
        """Add to `outcome` what follows from the batch. Raises as `LaneProgram.process`."""
        ...


class LaneProgram:
    """What one dataset's events become under one generation, for some of its agreements or (None) for all."""

    def __init__(  # noqa: PLR0913, PLR0917 - each is a noun of its own
        self,
        generation: Generation,
        dataset: str,
        store: WorkerKeys,
        ask: WriterSchema,
        only: Collection[str] | None = None,
        back_end: BackEnd = "python",
    ) -> None:
        held = generation.contracts[dataset]
        self.generation = generation
        self._writers = tuple(held.writers)
        secret = store.keys.reference_secret()
        decoder = Decoder(held.contract, held.writers, ask, secret)
        self.agreements = [one for one in generation.of_dataset(dataset) if only is None or one.agreement.id in only]
        self._served = [Served(generation, one, store, decoder) for one in self.agreements]
        self._compiled = ByWriter(held.contract, decoder, self._served, secret, off=back_end == "slow")
        self.work = EventWork(held.contract, decoder, self._served, self._compiled)
        self._way = self._way_of(back_end, held.contract, store)

    def _way_of(self, back_end: BackEnd, contract: DataContract, store: WorkerKeys) -> Way:
        if back_end == "slow":
            return OneByOne(self.work, store.keys)
        way = PythonWork(contract, self._served, store, self.work, PythonPrograms(self._compiled))
        return way if back_end == "python" else self._natively(contract, store, way)

    def _natively(self, contract: DataContract, store: WorkerKeys, otherwise: PythonWork) -> Way:
        found = extension()
        if found is None:
            raise ConfigurationError("the back end `native` is not installed", remedy=REMEDY)
        programs = Programs(found, contract, self._compiled)
        return BatchWork(contract, self._served, store, self.work, programs, otherwise)

    def make_ready(self) -> None:
        """Compile every view for every writer schema that is known, so that the first batch need not wait for it."""
        for schema_id in self._writers:
            for served in self._served:
                served.program(schema_id)
            self._compiled.of(schema_id)

    def written(self, schema_id: int) -> Written | None:
        """Return what is compiled for a known writer schema; None where only the slow path knows how."""
        return self._compiled.of(schema_id)

    def process(
        self, batch: Sequence[Input], at_ms: int, consents: Consents, nonce: Nonce, turn: Turn = NOTHING
    ) -> Outcome:
        """Return everything that follows from `batch`; `turn` says which agreements are not served by it, and where.

        Raises UnavailableError when a schema or the keys cannot be had: then nothing is released and the batch waits.
        Raises AgreementKeyError where an agreement's own key is missing: without that agreement the batch can be done.
        """
        ids = [one.agreement.id for one in self._served]
        outcome = Outcome(tallies={one: Tally() for one in ids})
        charter = self.generation.charter
        standings = [standing(one.agreement, charter, one.held.status, at_ms) for one in self._served]
        given = [consents.get(one, frozenset()) for one in ids]
        for served in self._served:
            served.take_sealed()  # of an attempt that ended halfway
        self._way.process(Task(batch, Standings(ids, standings, turn), given, Nonces(nonce)), outcome)
        for served in self._served:
            outcome.tallies[served.agreement.id].encrypted = served.take_sealed()
        return outcome
