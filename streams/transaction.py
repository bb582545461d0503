"""Kafka transactions: with `open_transaction`, the only file that calls a producer's transaction methods.

Errors fall into three classes (KIP-98, librdkafka's transactional producer): abort and do the work again
(`TransactionAborted`), the same call again (done here, within a budget), and end the process so that it starts
again in the same slot (`RoleExit`; where a fresh producer in this process would do as well, `InDoubt`).
"""

import contextlib
import logging
import math
import threading
import time
from collections.abc import Iterator

from confluent_kafka import KafkaError, Producer

from ..schemas.errors import PenstockError, RoleExit, UnavailableError
from .clients import make, reach
from .open_transaction import BUDGET_S, Header, Step, Transaction
from .outcomes import CLIENT_ERRORS, InDoubt, NotTaken, TransactionAborted, TransactionOutdated, error_in, weighed
from .refusals import Refusals, Witness
from .settings import Cluster

__all__ = ["Header", "Transaction", "TransactionAborted", "TransactionOutdated", "TransactionalProducer"]

INIT_S = 30.0
CALL_S = 5.0
ABORT_S = 2.0
"""Patience with an abort that a fresh producer follows anyway: that one takes half a second longer without it."""
PAUSE_S = 0.05
QUIET_S = 31.0
"""The client keeps quiet for 30 s about a connection that breaks in the same way again."""

log = logging.getLogger(__name__)


class TransactionalProducer:
    """A producer whose every record is part of a transaction.

    Guarantees: a process that calls `init` fences every other holder of the same `transactional_id` and ends what
    it left open. Not thread-safe: one transaction at a time.
    """

    def __init__(self, cluster: Cluster, transactional_id: str) -> None:
        self.transactional_id = transactional_id
        self._cluster = cluster
        self._make()

    def _make(self) -> None:
        self._refusals = Refusals()
        self._witness = Witness(self._refusals)
        self._began = math.inf
        self._open = False
        self._replaced: RoleExit | None = None
        # Called for failures only: what succeeds costs nothing (measured: no difference over 40,000 records).
        told = {"delivery.report.only.error": True, "on_delivery": self._refusals.delivered}
        self._producer = make(Producer, {**self._cluster.transactional(self.transactional_id), **told}, self._witness)

    def reach(self) -> None:
        """Connect, if the cluster answers."""
        reach(self._producer)

    def init(self, within_s: float | None = None) -> None:
        """Take the transactional id over. Raises UnavailableError when the cluster does not answer in time."""
        self.reach()
        if not self._within(within_s or INIT_S, self._producer.init_transactions):
            raise UnavailableError(
                "Kafka does not let a transaction begin",
                place=self.transactional_id,
                remedy="check that the brokers are up and reachable",
            )

    def renew(self) -> None:
        """Go on as a fresh incarnation of the id, which makes void whatever the one before may still have on its way.

        Only for who knows that no other process holds the id: it would be fenced. Raises as `init`; then renew again.
        Raises RoleExit when the client itself says that one does.
        """
        self._require_not_fenced()
        self.discard()
        self._make()
        self.init()

    def _require_not_fenced(self) -> None:
        """Let a client that is in a fatal state say so, which it does of each step; nothing is sent to Kafka."""
        try:
            self._producer.begin_transaction()
        except CLIENT_ERRORS as failure:
            error = error_in(failure)
            outcome = self._weighed(error)
            if error.fatal() and outcome is not None and not isinstance(outcome, InDoubt):
                raise outcome from None

    def discard(self) -> None:
        """Let the client go without a word to Kafka, whatever it is at. Not for use after it."""
        discard = [self._producer]
        del self._producer
        # Letting go waits for the client's threads, and they for connections that may hang.
        threading.Thread(target=discard.clear, name="discarding", daemon=True).start()

    def in_doubt(self) -> str:
        """Return why only a fresh incarnation may go on; empty where this one may. For between transactions.

        Raises RoleExit when another process took over.
        """
        if self._replaced is not None:
            raise self._replaced
        try:
            self._producer.poll(0)  # serves the client's log
        except CLIENT_ERRORS as failure:
            outcome = self._weighed(error_in(failure))
            if outcome is not None and not isinstance(outcome, InDoubt):
                raise outcome from None
            return "the client cannot go on"
        if self._open:
            return "the last transaction is open still"
        return "the connection broke in the last transaction" if self._broke() else ""

    def _broke(self) -> bool:
        return self._witness.broke_at > self._began - QUIET_S

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Open a transaction; commit when the block ends, abort when it raises.

        Raises TransactionAborted when the broker or the client lets it go no further, RoleExit when this process
        was replaced, InDoubt, which is one, when nobody knows what became of its transaction; an exception of the block
        itself is raised again after the abort, also when the abort fails: then the next transaction raises InDoubt.
        """
        self._begin()
        try:
            yield Transaction(self._producer, self._refusals, self._again)
        except RoleExit:
            raise  # the next incarnation ends what is open
        except NotTaken:
            self._abort_briefly()
            raise
        except TransactionAborted:
            self._abort()
            raise
        except BaseException:
            try:
                self._abort()
            except InDoubt as doubt:
                log.warning("the abort failed: %s", doubt)
            except RoleExit as replaced:
                log.warning("the abort failed: %s", replaced)
                self._replaced = replaced
            raise
        self._commit()

    def _begin(self) -> None:
        """Begin, unless the last transaction's connection broke.

        The client sends what got no answer again, over a new connection, and the broker may still receive the first
        copy: a late EndTxn or TxnOffsetCommit would then hit this transaction. A fresh epoch makes it void.
        """
        try:
            doubt = self.in_doubt()
            if doubt:
                raise InDoubt(doubt, place=self.transactional_id)
            self._began = time.monotonic()
            self._producer.begin_transaction()
        except CLIENT_ERRORS as failure:
            raise self._weighed(error_in(failure)) or InDoubt(
                f"no transaction can begin ({error_in(failure).name()})", place=self.transactional_id
            ) from None
        self._refusals.clear()
        self._open = True

    def _commit(self) -> None:
        try:
            self._again(self._producer.commit_transaction)
        except TransactionAborted:
            if self._refusals.any:
                self._abort_briefly()
                raise NotTaken(self._refusals.topics, place=self.transactional_id) from None
            self._abort()
            raise
        self._open = False

    def _abort(self, budget_s: float | None = None) -> None:
        """Abort. The client itself drops what it has not sent and waits for what it has."""
        self._again(self._producer.abort_transaction, budget_s)
        self._open = False

    def _abort_briefly(self) -> None:
        """Abort if that is quick; what is left open is for a fresh incarnation to end."""
        try:
            self._abort(ABORT_S)
        except InDoubt as doubt:
            log.info("%s", doubt)

    def _again(self, step: Step, budget_s: float | None = None) -> None:
        """Take a step of an open transaction; one without an outcome is for a fresh incarnation to clear up."""
        if not self._within(budget_s or BUDGET_S, step):
            raise InDoubt("Kafka did not finish a transaction step in time", place=self.transactional_id)

    def _within(self, budget_s: float, step: Step) -> bool:
        """Take `step` until it succeeds; False after `budget_s`. Only the same call may follow one that timed out."""
        deadline = time.monotonic() + budget_s
        while (left := deadline - time.monotonic()) > 0:
            try:
                step(min(CALL_S, left))
            except CLIENT_ERRORS as failure:
                outcome = self._weighed(error_in(failure))
                if outcome is not None:
                    raise outcome from None
                time.sleep(PAUSE_S)
            else:
                return True
        return False

    def _weighed(self, error: KafkaError) -> PenstockError | None:
        return weighed(error, self.transactional_id)

    def close(self) -> None:
        """Let the client's threads go. Not for use after it.

        An open transaction is left to the next holder of the id, or to the broker's time-out: the client's own close
        would abort it, and wait without end for a cluster that is gone.
        """
        if not self._open:
            self._producer.close()
        del self._producer
