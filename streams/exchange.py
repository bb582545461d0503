"""The exchange: one slot of a dataset's common lane, from provider topic to view topics, audit and disclosures."""

import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Event

from ..processors.back_end import back_end
from ..processors.lane import LaneProgram
from ..processors.outcome import Input, Outcome, Refused, Tally
from ..processors.quarantine import QuarantineSealer
from ..processors.served import WorkerKeys
from ..processors.turns import caught_up, terms_of
from ..schemas.ecosystem import ExchangeManner
from ..schemas.erasure import Ordered
from ..schemas.errors import AgreementKeyError, ConfigurationError, KeyUnavailableError, UnavailableError
from ..schemas.generation import Generation
from ..schemas.lane_state import LaneState
from ..schemas.lanes import lane_group
from ..schemas.observer import ExchangeObserver
from ..schemas.ports import Erasing, KeyStore
from ..schemas.reasons import Refusal
from ..schemas.slot_record import SlotPlace
from .accounts import Accounts, Made
from .catch_up import CatchUp
from .control import ControlReader
from .knowledge import Knowledge, require_valid
from .lanes import Lanes
from .past import Past, PastReader
from .runner import DEFAULTS, Inbound, Runner
from .settings import Cluster
from .slots import require_last
from .source import Behind, Common, Source, firsts, inputs, of_agreements, released
from .work import Batch
from .writers import Schemas, Writers

log = logging.getLogger(__name__)
RETRY_S = 1.0
HURRY_S = 0.001
"""So long a batch is waited for while there is something to catch up with."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A worker's place: which dataset, which number, in which lane. A restart takes the same slot."""

    ecosystem: str
    dataset: str
    number: int
    lane: int = 0


@dataclass(frozen=True, slots=True)
class World:
    """What an exchange slot works with. `clock` gives milliseconds since the epoch."""

    cluster: Cluster
    keys: KeyStore
    registry: Schemas
    observer: ExchangeObserver
    clock: Callable[[], int]
    manner: ExchangeManner = DEFAULTS


class Exchange:
    """Runs one slot until told to stop. `control` has read a generation that names the slot's dataset.

    Raises ConfigurationError where the back end that the manner names is not installed.
    """

    def __init__(self, slot: Slot, world: World, control: ControlReader) -> None:
        self._slot = slot
        self._cluster = world.cluster
        self._keys = world.keys
        self._registry = world.registry
        self._observer = world.observer
        self._clock = world.clock
        self._manner = world.manner
        self._back_end = back_end(world.manner.back_end)
        self._epoch = world.clock()
        self._told: tuple[dict[str, int], set[str]] = ({}, set())
        self._knowledge = Knowledge(world.cluster, control, self._erase)
        self._topic = self._knowledge.generation.contracts[slot.dataset].contract.topic
        self._lanes = Lanes(world.cluster, self._topic)
        self._program = self._compile(self._knowledge.generation)
        sealer = QuarantineSealer(world.keys, slot.dataset, f"exchange-{slot.number}", os.urandom)
        self._accounts = Accounts(slot.dataset, self._topic, sealer)
        group = lane_group(slot.ecosystem, self._topic, slot.lane)
        self._runner = Runner(world.cluster, self._topic, group, str(slot.number), self, self._require_last)
        self._catch_up = CatchUp(PastReader(world.cluster, self._topic), self._lanes, self._runner, self)
        self._place = SlotPlace(self._runner.transactional_id, slot.dataset, group, self._epoch)

    def run(self, stop: Event) -> None:
        """Serve until `stop` is set. Raises RoleExit when this process must be started again in its slot."""
        self._program.make_ready()
        log.info("views are made by the back end `%s`", self._back_end)
        self._runner.start(self._manner)
        self._knowledge.announce(self._place)
        self._observer.state("running", "")
        waiting = False
        while not stop.is_set():
            try:
                done = self._step()
            except UnavailableError as missing:
                # The partition waits: what cannot be decided or protected now is neither released nor lost.
                log.warning("waiting: %s", missing)
                self._observer.state("waiting", str(missing))
                waiting = True
                self._knowledge.wait(RETRY_S, stop)
            else:
                # After a rewind the batch takes a moment to come again; until it is done, the slot still waits.
                waiting = waiting and not done
                if not waiting:
                    self._observer.state("running", "")
        self._knowledge.leave()

    def _step(self) -> int:
        """Do one common batch, then catch up if it is time; return the number of records in the batch."""
        started = time.monotonic()
        done = self._runner.step(HURRY_S) if self._catch_up.pending else self._runner.step()
        if not done:
            self._observer.idle(self._slot.dataset)
        if not done or self._catch_up.pending:
            self._refresh()
        self._catch_up.step(done, time.monotonic() - started)
        self._tell()
        return done

    def _tell(self) -> None:
        distance = self._lanes.distance(self._runner.positions())
        if distance != self._told:
            self._told = distance
            self._observer.behind(*distance)

    def close(self) -> None:
        self._runner.close()
        self._catch_up.close()
        self._lanes.close()
        self._knowledge.close()

    def _compile(self, generation: Generation) -> LaneProgram:
        agreements = [one for one in generation.of_dataset(self._slot.dataset) if one.lane == self._slot.lane]
        program = self._program_for(generation, [one.agreement.id for one in agreements])
        self._past_programs: dict[str, LaneProgram] = {}
        self._lanes.compiled(generation.number, terms_of(agreements))
        self._observer.generation(generation.number, [one.agreement.id for one in agreements])
        return program

    def _program_for(self, generation: Generation, agreements: list[str]) -> LaneProgram:
        writers = Writers(self._registry, generation.contracts[self._slot.dataset])
        worker = WorkerKeys(self._keys, f"{self._slot.dataset}-{self._slot.number}")
        return LaneProgram(generation, self._slot.dataset, worker, writers.ask, agreements, self._back_end)

    def _erase(self, orders: Sequence[Ordered]) -> None:
        if not isinstance(self._keys, Erasing):
            raise ConfigurationError("the key store cannot erase", place=orders[0].order.case)
        self._keys.erase(orders)

    def _refresh(self) -> None:
        """Act on what changed since the last batch: a whole generation, or consents."""
        self._knowledge.refresh()
        # Where compiling had to wait, the generation that it was for still counts.
        newest = self._knowledge.generation
        if newest.number != self._program.generation.number:
            if self._slot.dataset not in newest.contracts:
                raise ConfigurationError(f"the dataset `{self._slot.dataset}` is no longer in force")
            self._program = self._compile(newest)

    # --- what the runner asks for ---

    def _require_last(self) -> None:
        require_last(self._cluster, self._place)

    def taken_over(self) -> None:
        """Be told that partitions are newly ours."""
        self._lanes.taken_over()

    def prepare(self, batch: list[Inbound]) -> Batch:
        """Decide and protect a batch; an agreement whose own key is missing is put aside."""
        try:
            return self._prepared(batch)
        except AgreementKeyError as missing:
            log.warning("%s", missing)
            self._put_aside(missing)
            return self.prepare(batch)
        except KeyUnavailableError as missing:
            # Of the store, not of this batch: whoever restores it should find everything where it was.
            raise UnavailableError(missing.message, place=missing.place, remedy=missing.remedy) from None

    def _put_aside(self, missing: AgreementKeyError) -> None:
        """Put those aside who lack keys. Raises UnavailableError when it is quarantine that does: that all wait for."""
        served = {one.agreement.id for one in self._program.agreements}
        if not served.issuperset(missing.agreements):
            raise UnavailableError(missing.message, place=missing.place, remedy=missing.remedy)
        for agreement in missing.agreements:
            self._lanes.refuse(agreement, "key_unavailable")

    def refused(self, topics: Mapping[str, str]) -> bool:
        """Be told which topics took no record, and why; False where that is for everybody to wait for."""
        views = {one.view_topic: one.agreement.id for one in self._program.agreements}
        for topic, error in topics.items():
            log.warning("no record was taken for %s (%s)", topic, error)
            if topic in views:
                self._lanes.refuse(views[topic], error)
        return topics.keys() <= views.keys()

    def isolate(self, record: Inbound, detail: str) -> Batch:
        """Put one record in quarantine that failed alone, again and again."""
        self._refresh()
        turn = self._lanes.turn({record.partition: record.offset})
        refused = Refused(Input(record.partition, record.offset, record.value), Refusal.POISON, detail)
        return self._batch(Common([record], turn), Outcome(refused=[refused]))

    def _prepared(self, batch: list[Inbound]) -> Batch:
        self._refresh()
        turn = self._lanes.turn(firsts(batch))
        at_ms = self._clock()
        outcome = self._program.process(inputs(batch), at_ms, self._knowledge.consents, os.urandom, turn)
        if self._slot.lane:
            outcome.refused = of_agreements(outcome)
        return self._batch(Common(batch, turn), outcome, at_ms)

    # --- what catching up asks for, after `_refresh` ---

    def past(self, state: LaneState, past: Past, position: int) -> Batch:
        """Decide and protect what one agreement is owed."""
        at_ms = self._clock()
        if state.agreement not in self._past_programs:
            self._past_programs[state.agreement] = self._program_for(self._program.generation, [state.agreement])
        program = self._past_programs[state.agreement]
        outcome = program.process(inputs(past.records), at_ms, self._knowledge.consents, os.urandom)
        nobodys = frozenset(one.source.offset for one in outcome.refused if one.agreement is None)
        outcome.refused = of_agreements(outcome)
        return self._batch(self._behind(state, past, position, nobodys), outcome, at_ms)

    def isolated(self, state: LaneState, past: Past, position: int, detail: str) -> Batch:
        """Put what one agreement is owed in quarantine, since it failed alone, again and again."""
        refused = [Refused(one, Refusal.POISON, detail, agreement=state.agreement) for one in inputs(past.records)]
        outcome = Outcome(refused=refused, tallies={state.agreement: Tally(quarantined=len(refused))})
        return self._batch(self._behind(state, past, position, frozenset()), outcome)

    def _behind(self, state: LaneState, past: Past, position: int, nobodys: frozenset[int] = frozenset()) -> Behind:
        after = caught_up(state, past.upto, position, self._program.generation.number)
        return Behind(past, after, state.since, nobodys)

    def _batch(self, source: Source, outcome: Outcome, at_ms: int | None = None) -> Batch:
        made = Made(
            generation=self._program.generation.number,
            consent_offset=self._knowledge.consent_offset,
            at_ms=self._clock() if at_ms is None else at_ms,
            slot=self._runner.transactional_id,
            epoch=self._epoch,
            lane=self._slot.lane,
        )
        return Batch(
            audit=self._accounts.audit(source, outcome, made),
            disclosures=self._accounts.disclosures(outcome, made),
            quarantine=self._accounts.quarantine(outcome, made),
            states=self._accounts.states(source),
            releases=outcome.outputs,
            current=lambda: self._require_current(made, outcome),
            done=lambda: self._done(source, outcome),
            observer=self._observer,
            counts=self._accounts.counts(source, outcome, self._clock()),
        )

    def _require_current(self, made: Made, outcome: Outcome) -> None:
        require_valid(self._program.generation, made.at_ms, self._clock())
        self._knowledge.require_current(made.generation, lambda: released(outcome))

    def _done(self, source: Source, outcome: Outcome) -> None:
        self._lanes.committed(source.states)
        if source.catch_up and outcome.outputs:
            self._lanes.mend(source.catch_up)
