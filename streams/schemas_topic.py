"""The `_schemas` topic: the schema registry's log, with one writer at a time."""

import time
from collections.abc import Sequence

from ..schemas.errors import UnavailableError
from ..schemas.lanes import REGISTRY_WRITER
from ..schemas.registry_records import RegistryRecord
from .settings import Cluster
from .tail import Entry, Tail
from .topics import SCHEMAS
from .transaction import TransactionalProducer

PATIENCE_S = 20.0


class SchemasTopic:
    """Reads the log in order and appends to it. Not thread-safe."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._tail = Tail(cluster, SCHEMAS)
        self._producer: TransactionalProducer | None = None

    def catch_up(self) -> list[RegistryRecord]:
        """Return every record not returned before, up to the end as of now. Raises UnavailableError."""
        return [_record(entry) for entry in self._tail.to_end()]

    def become_writer(self) -> list[RegistryRecord]:
        """Make sure that nobody else writes from here on, and return what others wrote before.

        While nobody fences this writer it knows all that the topic holds: `write` returns what it wrote.
        """
        if self._producer is not None:
            return []
        producer = TransactionalProducer(self._cluster, REGISTRY_WRITER)
        try:
            producer.init()
            records = self.catch_up()
        except BaseException:
            producer.close()
            raise
        self._producer = producer
        return records

    def write(self, records: Sequence[RegistryRecord]) -> list[RegistryRecord]:
        """Append `records` in one transaction and return them as read back.

        Raises TransactionAborted when nothing was written; RoleExit when another writer took over or the outcome is
        unknown, and UnavailableError when the records cannot be read back: then call `step_down`.
        """
        if self._producer is None:
            raise UnavailableError("this process does not write to the topic", place=SCHEMAS, remedy="ask again")
        with self._producer.transaction() as transaction:
            for record in records:
                transaction.produce(SCHEMAS, record.value, key=record.key, partition=0)
        return self._read_back(records[-1])

    def _read_back(self, last: RegistryRecord) -> list[RegistryRecord]:
        """Read until `last`: a commit is answered before its records can be read."""
        seen: list[RegistryRecord] = []
        deadline = time.monotonic() + PATIENCE_S
        while last not in seen:
            if time.monotonic() > deadline:
                raise UnavailableError("a committed record does not appear", place=SCHEMAS, remedy="check the brokers")
            seen += [_record(entry) for entry in self._tail.poll(0.01)]
        return seen

    def step_down(self) -> None:
        """Write no more, until `become_writer` is called again."""
        if self._producer is not None:
            self._producer.close()
            self._producer = None

    def close(self) -> None:
        self.step_down()
        self._tail.close()


def _record(entry: Entry) -> RegistryRecord:
    return RegistryRecord(entry.key or b"", entry.value)
