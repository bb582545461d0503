"""Source positions: how far each source got, committed in the transaction that published what it read."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..schemas.errors import DocumentError, RecordError
from ..schemas.ports import SourceRecord
from ..schemas.versioned import pack, unpack
from .settings import Cluster
from .tail import Entry, Tail
from .topics import SOURCES
from .transaction import Transaction


class SourcePositions:
    """What `penstock.sources` says of one source, as of when it was read: its position, and when it last moved.

    Raises DocumentError for a position that cannot be read: starting over would publish everything again.
    """

    def __init__(self, cluster: Cluster, source: str) -> None:
        self._source = source
        self.position: Mapping[str, Any] | None = None
        self.moved_ms: int | None = None
        self._finished: set[str] = set()
        tail = Tail(cluster, SOURCES)
        try:
            for entry in tail.to_settled_end():  # other sources write here too
                self._take((entry.key or b"").decode(errors="replace"), entry)
        finally:
            tail.close()

    def _take(self, key: str, entry: Entry) -> None:
        if key == self._source:
            self.position = _position(entry)
            self.moved_ms = entry.appended_ms
        elif key.startswith(f"{self._source}/"):
            self._finished.add(key.removeprefix(f"{self._source}/"))

    def finished(self, name: str) -> bool:
        """Say whether the input of that name (a file's hash) was published to its end."""
        return name in self._finished


def _position(entry: Entry) -> Mapping[str, Any]:
    try:
        position = unpack(entry.value)["position"]
    except (RecordError, KeyError, TypeError):
        position = None
    if not isinstance(position, dict):
        raise DocumentError(
            "the position of the source cannot be read",
            place=f"{SOURCES}/0/{entry.offset}",
            remedy="a newer Penstock wrote it: upgrade",
        )
    return position


def mark(transaction: Transaction, source: str, records: Sequence[SourceRecord]) -> None:
    """Make the position after `records` part of the transaction that publishes them."""
    for record in records:
        if record.finishes is not None:
            key = f"{source}/{record.finishes}".encode()
            transaction.produce(SOURCES, pack({"kind": "finished", "place": record.place}), key=key, partition=0)
    value = pack({"kind": "position", "position": dict(records[-1].position)})
    transaction.produce(SOURCES, value, key=source.encode(), partition=0)
