"""Consents, who said yes to which agreement, and orders to erase: followed by every exchange worker."""

from collections.abc import Iterable, Sequence
from contextlib import closing

from ..schemas.consent import ConsentRecord, consent_from
from ..schemas.erasure import ErasureOrder, Ordered, order_from
from ..schemas.errors import DocumentError, RecordError
from .ends import Ends
from .settings import Cluster
from .tail import Entry, Tail
from .topics import CONSENTS
from .transaction import TransactionAborted, TransactionalProducer

PATIENCE_S = 5.0
ERASURE_KEYS = b"/"
"""What no agreement's id begins with."""


class ConsentReader:
    """Follows the consent topic. `given` holds references of data subjects by agreement."""

    def __init__(self, cluster: Cluster) -> None:
        self._tail = Tail(cluster, CONSENTS)
        self._given: dict[str, set[bytes]] = {}
        self._known: set[tuple[str, bytes]] = set()
        self.given: dict[str, frozenset[bytes]] = {}
        self.orders: list[Ordered] = []
        """Orders to erase that were read. Whoever acts on them takes them off."""

    @property
    def offset(self) -> int:
        """The offset of the last consent known, -1 before the first."""
        return self._tail.offset

    @property
    def topic(self) -> str:
        return self._tail.topic

    @property
    def position(self) -> int:
        """The offset up to which every consent is known."""
        return self._tail.position

    def catch_up(self) -> None:
        """Read to the end as of now."""
        self._take(self._tail.to_end())

    def poll(self, wait_s: float = 0.0) -> list[ConsentRecord]:
        """Take in what is new, and return it."""
        return self._take(self._tail.poll(wait_s))

    def knows(self, agreement: str, subject: bytes) -> bool:
        """Say whether the subject has said anything about the agreement, yes or no."""
        return (agreement, subject) in self._known

    def _take(self, entries: Iterable[Entry]) -> list[ConsentRecord]:
        acts = [(entry.offset, read_act(entry)) for entry in entries]
        self.orders += [Ordered(offset, one) for offset, one in acts if isinstance(one, ErasureOrder)]
        new = [one for _, one in acts if isinstance(one, ConsentRecord)]
        for consent in new:
            self._take_one(consent)
        for agreement in {consent.agreement for consent in new}:
            self.given[agreement] = frozenset(self._given[agreement])
        return new

    def _take_one(self, consent: ConsentRecord) -> None:
        subjects = self._given.setdefault(consent.agreement, set())
        self._known.add((consent.agreement, consent.subject))
        if consent.given:
            subjects.add(consent.subject)
        else:
            subjects.discard(consent.subject)

    def close(self) -> None:
        self._tail.close()


def read_act(entry: Entry) -> ConsentRecord | ErasureOrder:
    """Return what a record says. Raises DocumentError for one that says neither: it could be a withdrawal."""
    try:
        if (entry.key or b"").startswith(ERASURE_KEYS):
            return order_from(entry.value)
        return consent_from(entry.value)
    except RecordError as bad:
        raise DocumentError(bad.message, place=f"{CONSENTS}/0/{entry.offset}") from None


def orders_to_erase(cluster: Cluster) -> list[Ordered]:
    """Return every order to erase as of now, in the order of their topic. Raises as `Tail.to_settled_end`."""
    with closing(Tail(cluster, CONSENTS)) as tail:
        acts = [(entry.offset, read_act(entry)) for entry in tail.to_settled_end()]
    return [Ordered(offset, one) for offset, one in acts if isinstance(one, ErasureOrder)]


class ConsentWriter:
    """Writes consents and orders to erase; visible to workers from the commit on."""

    def __init__(self, cluster: Cluster, ecosystem: str) -> None:
        self._producer = TransactionalProducer(cluster, f"penstock.{ecosystem}.consents")
        self._producer.init()
        self._ends = Ends(cluster, [CONSENTS], committed=False)

    def write(self, acts: Sequence[ConsentRecord | ErasureOrder]) -> int:
        """Commit `acts` together; return the last one's offset.

        Raises TransactionAborted when nothing was committed.
        """
        with self._producer.transaction() as transaction:
            for act in acts:
                transaction.produce(CONSENTS, act.to_value(), key=act.key(), partition=0)
            transaction.flush()
            # Nobody else writes while we hold the transactional id: what lies last is ours.
            known = self._ends.ask(PATIENCE_S)
            if known is None:
                raise TransactionAborted("Kafka does not tell where the consents lie", place=CONSENTS)
        return known.offsets[0] - 1

    def close(self) -> None:
        self._ends.close()
        self._producer.close()
