"""The transaction runner: consume a batch, make what follows from it, one Kafka transaction, commit.

Guarantee (law 2): for read_committed readers, each input record's effects and the group's offsets appear together,
once. What makes it so is in the order of the steps; see `Runner.step`. The process ends (RoleExit) only where another
has its slot or the client is beyond help; from everything else the runner recovers by itself.
"""

import logging
import time
from collections.abc import Callable, Mapping

from ..schemas.crash_points import passing
from ..schemas.ecosystem import ExchangeManner
from ..schemas.errors import PenstockError, RecordError, RoleExit, UnavailableError
from .attempt import Attempt, Due
from .failure import kind_and_place
from .job import Inbound, Job, Work
from .member import Member
from .outcomes import InDoubt, NotTaken, TopicMissing, TransactionAborted, TransactionOutdated
from .pace import Pace
from .refusals import OF_SIZE, OF_TOPIC
from .settings import Cluster
from .suspects import Suspects
from .transaction import TransactionalProducer
from .uncollected import uncollected
from .unreturning import leaving
from .watchdog import PREPARE_S, Watchdog

__all__ = ["DEFAULTS", "Inbound", "Job", "Runner", "Work"]

BATCH_WAIT_S = 0.05
CLOSE_S = 3.0
AWAY_S = 5.0
ABORT_PAUSE_S = 0.2
"""Before a batch is done again: whatever was in the way may need a moment to go."""

DEFAULTS = ExchangeManner()

log = logging.getLogger(__name__)


class Runner:
    """One slot of a lane: a static group member and a transactional producer with a stable id. Not thread-safe."""

    def __init__(  # noqa: PLR0913, PLR0917 - each is a noun of its own
        self,
        cluster: Cluster,
        topic: str,
        group: str,
        slot: str,
        job: Job,
        require_last: Callable[[], None] = lambda: None,
    ) -> None:
        """`require_last` raises RoleExit where a later process is known to have come into the slot."""
        self.transactional_id = f"{group}.{slot}"
        self._job = job
        self._require_last = require_last
        self._lived_at = time.monotonic()
        self._paranoid = False
        self._producer = TransactionalProducer(cluster, self.transactional_id)
        self._member = Member(cluster, topic, group, self.transactional_id)
        self._pace = Pace(DEFAULTS.transaction_records)
        self._suspects = Suspects()
        self._watchdog = Watchdog(self.transactional_id)
        self._due = Due()
        self._attempt: Attempt | None = None

    def start(self, manner: ExchangeManner = DEFAULTS) -> None:
        """Take the slot over: whoever held it is fenced, what it left open is aborted."""
        self._pace = Pace(manner.transaction_records)
        self._paranoid = manner.paranoid
        self._producer.init()
        self._member.join()

    def step(self, wait_s: float = BATCH_WAIT_S) -> int:
        """Do one batch, waiting up to `wait_s` for its first record; return the number of records done.

        Raises UnavailableError when something that is needed does not answer: nothing is lost, step again later.
        Raises RoleExit when this process must be replaced.
        """
        try:
            self._settle()
            self._watchdog.watch("consume")
            batch = self._member.read(self._suspects.limit(self._pace.records), wait_s)
            if batch:
                passing("consumed")
                return self._do(batch)
            self._take_over(self._member.learn())
            return 0
        finally:
            self._lived_at = time.monotonic()
            self._watchdog.rest()

    def beside(self, work: Work, partition: int) -> bool:
        """Do `work`, about records of `partition` that lie before its position, in a transaction that moves nothing.

        It is fenced by the group as every batch is: the present positions are committed once more with it. Returns
        False when it was aborted, or has no clear end: then the job is told `taken_over`, and finds out. Raises as
        `step`, and what the work itself raises.
        """
        known = self._member.known
        fenced = self._member.metadata is not None and partition in known
        if not fenced or self._member.astray or self._due.any():
            work.aborted()
            return False
        try:
            self._transact(work, dict(known), moving=False)
        except (NotTaken, TopicMissing) as refused:
            self._again(refused, rewind=False)
            self._told(refused.topics)
        except (TransactionAborted, InDoubt) as aborted:
            self._again(aborted, rewind=False)
        else:
            return True
        finally:
            self._watchdog.rest()
        return False

    def positions(self) -> Mapping[int, int]:
        """Return, for each partition of ours, up to which offset everything is committed, where that is known."""
        return self._member.known

    # --- a batch ---

    def _do(self, batch: list[Inbound]) -> int:
        """Do a batch; 0 when it must be done again."""
        try:
            with uncollected():
                self._transact_batch(batch)
        except (NotTaken, TopicMissing) as refused:
            self._again(refused)
            self._refused(refused.topics)
        except TransactionOutdated as outdated:
            self._outdated(outdated)
        except (TransactionAborted, InDoubt) as aborted:
            self._again(aborted)
            time.sleep(ABORT_PAUSE_S)
        except UnavailableError:
            self._due.rewind = True
            raise
        except Exception as failure:
            if isinstance(failure, PenstockError) and not isinstance(failure, RecordError):
                raise
            # Its message may quote a record (law 5): only its kind and place are said.
            self._failed(batch, kind_and_place(failure))
        else:
            self._suspects.passed(batch)
            return len(batch)
        return 0

    def _transact_batch(self, batch: list[Inbound]) -> None:
        started = time.monotonic()
        self._watchdog.watch("prepare", PREPARE_S)
        self._take_over(self._member.first_seen(batch))
        guilt = self._suspects.guilt(batch)
        work = self._job.isolate(batch[0], guilt) if guilt else self._job.prepare(batch)
        decided_s = self._transact(work, {record.partition: record.offset + 1 for record in batch}) - started
        self._pace.took(len(batch), decided_s)

    def _transact(self, work: Work, after: Mapping[int, int], *, moving: bool = True) -> float:
        """Do one transaction; return when its offsets were ready to be sent."""
        # While it stands here, nobody knows how it ends.
        self._attempt = Attempt(work, after if moving else {})
        try:
            ready = self._in_transaction(work, after)
        except RoleExit:
            raise
        except BaseException:
            self._answer(committed=False)
            raise
        passing("committed")
        self._member.known.update(after)
        self._due.renewal |= self._paranoid
        self._answer(committed=True)
        return ready

    def _in_transaction(self, work: Work, after: Mapping[int, int]) -> float:
        """Produce, let Kafka take it, check, send the offsets, commit."""
        self._watchdog.watch("begin")
        with self._producer.transaction() as transaction:
            passing("begun")
            work.produce(transaction)
            self._watchdog.watch("flush")
            transaction.flush()
            passing("flushed")
            work.check()
            ready = time.monotonic()
            passing("offsets_unsent")
            # Counted from what was processed, never asked of the consumer.
            transaction.send_offsets(self._member.offsets(after), self._member.metadata)
            passing("offsets_sent")
            passing("commit_unsent")
            self._watchdog.watch("commit")
        return ready

    def _answer(self, *, committed: bool) -> None:
        attempt, self._attempt = self._attempt, None
        if attempt is not None:
            attempt.tell(committed=committed)

    # --- what did not go well ---

    def _again(self, failure: PenstockError, *, rewind: bool = True) -> None:
        """Get ready to do a batch again."""
        log.warning("%s: %s; it is done again", self.transactional_id, failure.message)
        # What led here holds the old producer, which is to go in a thread of its own.
        failure.__traceback__ = failure.__context__ = None
        self._due.renewal |= isinstance(failure, NotTaken | InDoubt)
        self._due.rewind |= rewind
        self._settle()

    def _outdated(self, outdated: TransactionOutdated) -> None:
        if outdated.too_long:
            self._pace.too_slow()
        self._again(outdated)

    def _refused(self, topics: Mapping[str, str]) -> None:
        """Go on at once where the job does without the topics; else wait for them: no record is to blame."""
        if self._told(topics):
            return
        if topics and set(topics.values()) <= OF_SIZE:
            self._pace.too_slow()  # what is said of fewer records is shorter
        time.sleep(ABORT_PAUSE_S)

    def _told(self, topics: Mapping[str, str]) -> bool:
        refused = {topic: error for topic, error in topics.items() if error in OF_TOPIC}
        return bool(refused) and self._job.refused(refused)

    def _failed(self, batch: list[Inbound], detail: str) -> None:
        """Count a failure that nobody foresaw. Raises RoleExit where even putting a record aside fails."""
        if self._suspects.guilt(batch):
            raise RoleExit(f"a record cannot be put aside: {detail}", place=self.transactional_id) from None
        log.warning("%s: a batch cannot be done: %s; it is done again", self.transactional_id, detail)
        self._suspects.failed(batch, detail)
        self._due.rewind = True
        if not self._suspects.looking:
            time.sleep(ABORT_PAUSE_S)

    # --- before the next transaction ---

    def _settle(self) -> None:
        """Do what is due: a fresh producer, its predecessor's outcome, the way back, and the job's word of it.

        Raises UnavailableError when Kafka does not answer: what is left stays due.
        """
        self._due.renewal |= bool(self._producer.in_doubt())
        if self._due.renewal:
            self._renew()
        if self._due.rewind or self._member.astray or self._attempt is not None:
            self._rewind()
        if self._due.word:
            self._job.taken_over()
            self._due.word = False

    def _renew(self) -> None:
        """Go on as a fresh incarnation, if the slot is still ours: a successor would be fenced by it.

        Whoever was away for longer than its session has joined the group again by itself by now, in the successor's
        place: then the group does not know better, and the slot's own words are asked.
        """
        self._watchdog.watch("renewal")
        self._member.require_ours()
        if time.monotonic() - self._lived_at > AWAY_S:
            self._require_last()
        self._producer.renew()
        self._due.renewal, self._due.word = False, True

    def _rewind(self) -> None:
        """Go back to what is committed; that also says what became of a transaction that got no answer."""
        self._watchdog.watch("rewind")
        after = self._attempt.after if self._attempt else {}
        committed = self._member.rewind(after)
        self._answer(committed=bool(after) and all(committed.get(one, -1) >= after[one] for one in after))
        self._due.rewind, self._due.word = False, True

    def _take_over(self, begins: Mapping[int, int]) -> None:
        """Let the job take over partitions of which we know since now what is committed."""
        if begins:
            self._job.taken_over()
            self._member.known.update(begins)

    def close(self) -> None:
        """Leave, in bounded time; the process is to end soon after. See `Member.leave`."""
        self._member.leave()
        leaving(self._producer.close, CLOSE_S, self.transactional_id)
        self._watchdog.close()
