"""A runner's work that tests can count: each record copied to another topic under its source coordinates.

As a script it is a worker of one slot that stops in the middle of a transaction, for a test to kill it there.
"""

import hashlib
import sys
import time
from collections.abc import Callable, Mapping, Sequence

from penstock.streams.runner import Inbound, Runner, Work
from penstock.streams.settings import Cluster
from penstock.streams.transaction import Transaction


def copied(record: Inbound) -> bytes:
    """What the copy of a record says: its coordinates, and noise that is a function of them (law 4)."""
    place = f"{record.partition}/{record.offset}"
    return f"{place}/{hashlib.sha256(place.encode()).hexdigest()[:8]}".encode()


class Copy:
    """The work of one batch. `before_offsets` is called when everything is produced, offsets not yet sent."""

    def __init__(self, records: Sequence[Inbound], to: str, before_offsets: Callable[[Transaction], None]) -> None:
        self._records = records
        self._to = to
        self._before_offsets = before_offsets
        self.told: list[str] = []

    def produce(self, transaction: Transaction) -> None:
        for record in self._records:
            transaction.produce(self._to, copied(record), key=record.key, partition=record.partition)
        self._before_offsets(transaction)

    def check(self) -> None:
        """Nothing it was decided on changes."""

    def committed(self, seconds: float) -> None:
        assert seconds >= 0
        self.told.append("committed")

    def aborted(self) -> None:
        self.told.append("aborted")


class Copying:
    """The job of copying. `prepare` may be another's; `refused` topics are kept, `isolated` records too."""

    def __init__(self, prepare: Callable[[list[Inbound]], Work]) -> None:
        self.prepare = prepare
        self.refusals: list[dict[str, str]] = []
        self.isolated: list[Inbound] = []

    def taken_over(self) -> None:
        """Nothing is remembered."""

    def refused(self, topics: Mapping[str, str]) -> bool:
        self.refusals.append(dict(topics))
        return False

    def isolate(self, record: Inbound, detail: str) -> Work:
        assert detail
        self.isolated.append(record)
        return Copy([], "", lambda _: None)


def stop_here(transaction: Transaction) -> None:
    """Send what was produced, say so, and wait to be killed."""
    assert transaction._producer.flush(20) == 0
    sys.stdout.write("open\n")
    sys.stdout.flush()
    time.sleep(600)


def stop_after_offsets(transaction: Transaction) -> None:
    """As `stop_here`, but with the offsets in the transaction."""
    send = transaction.send_offsets

    def send_and_stop(positions: object, metadata: object) -> None:
        send(positions, metadata)
        stop_here(transaction)

    transaction.send_offsets = send_and_stop


def work(*words: str) -> None:
    bootstrap, topic, to, group, slot, where = words
    stop = {"before": stop_here, "after": stop_after_offsets}[where]
    runner = Runner(Cluster(bootstrap), topic, group, slot, Copying(lambda batch: Copy(batch, to, stop)))
    runner.start()
    while True:
        runner.step()


if __name__ == "__main__":
    work(*sys.argv[1:])
