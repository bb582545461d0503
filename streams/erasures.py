"""The log of erasure cases: one topic, kept for ever, one step a record."""

from collections.abc import Sequence
from contextlib import closing

from confluent_kafka import Producer

from ..processors.erasure_case import Case, after
from ..schemas.erasure import CaseStep, step_from
from ..schemas.errors import DocumentError, RecordError, RefusedError, UnavailableError
from .clients import make, reach
from .settings import Cluster
from .tail import Entry, Tail
from .topics import ERASURES
from .transaction import TransactionalProducer

PATIENCE_S = 10.0


class CaseReader:
    """Follows the cases: `cases` by their ids. Not thread-safe."""

    def __init__(self, cluster: Cluster) -> None:
        self._tail = Tail(cluster, ERASURES)
        self.cases: dict[str, Case] = {}

    def catch_up(self) -> dict[str, Case]:
        """Read to the end as of now, what was committed a moment ago included.

        Raises UnavailableError, DocumentError for a record that is no step.
        """
        for entry in self._tail.to_settled_end():
            self._take(entry)
        return self.cases

    def poll(self, wait_s: float = 0.0) -> None:
        """Take in what is new."""
        for entry in self._tail.poll(wait_s):
            self._take(entry)

    def _take(self, entry: Entry) -> None:
        try:
            step = step_from(entry.value)
        except RecordError as bad:
            raise DocumentError(bad.message, place=f"{ERASURES}/0/{entry.offset}") from None
        try:
            self.cases[step.case] = after(self.cases.get(step.case), step)
        except RefusedError:
            # Two receipts or two hands at once: the step that came second and may not follow counts for nothing.
            return

    def close(self) -> None:
        self._tail.close()


class CaseWriter:
    """Takes steps; whoever else takes one meanwhile is fenced."""

    def __init__(self, cluster: Cluster, ecosystem: str) -> None:
        self._reader = CaseReader(cluster)
        self._producer = TransactionalProducer(cluster, f"penstock.{ecosystem}.erasures")
        self._producer.init()  # before the cases are read: from here on nobody else decides

    def case(self, case_id: str) -> Case:
        """Return a case as it is now. Raises RefusedError where there is none."""
        found = self._reader.catch_up().get(case_id)
        if found is None:
            raise RefusedError("there is no such case", place=case_id, remedy="penstock erasure status lists them")
        return found

    def take(self, *steps: CaseStep) -> Case:
        """Commit steps of one case together; return the case after them. Raises RefusedError for one that may not be.

        Raises TransactionAborted when nothing was committed.
        """
        case = self._reader.catch_up().get(steps[0].case)
        for step in steps:
            case = after(case, step)
        with self._producer.transaction() as transaction:
            for step in steps:
                transaction.produce(ERASURES, step.to_value(), key=step.case.encode(), partition=0)
        return self.case(steps[0].case)

    def close(self) -> None:
        self._producer.close()
        self._reader.close()


def write_receipts(cluster: Cluster, steps: Sequence[CaseStep]) -> None:
    """Write receipts beside whoever takes other steps: they stand in nobody's way. Raises UnavailableError."""
    producer = make(Producer, {**cluster.producer(), "linger.ms": 0})
    with closing(producer):
        reach(producer)
        failed: list[str] = []
        for step in steps:
            producer.produce(
                ERASURES,
                step.to_value(),
                key=step.case.encode(),
                partition=0,
                on_delivery=lambda error, _: failed.append(error.name()) if error else None,
            )
        if producer.flush(PATIENCE_S) or failed:
            raise UnavailableError(f"the receipt was not taken ({', '.join(failed) or 'no answer'})", place=ERASURES)
