"""Consents: who said yes to which agreement, followed by every exchange worker."""

from ..schemas.consent import ConsentRecord, consent_from
from ..schemas.errors import DocumentError, RecordError
from .settings import Cluster
from .tail import Entry, Tail
from .topics import CONSENTS
from .transaction import TransactionalProducer


class ConsentReader:
    """Follows the consent topic. `given` holds references of data subjects by agreement."""

    def __init__(self, cluster: Cluster) -> None:
        self._tail = Tail(cluster, CONSENTS)
        self._given: dict[str, set[bytes]] = {}
        self._known: set[tuple[str, bytes]] = set()
        self.given: dict[str, frozenset[bytes]] = {}

    @property
    def offset(self) -> int:
        """The offset of the last consent known, -1 before the first."""
        return self._tail.offset

    def catch_up(self) -> None:
        """Read to the end as of now."""
        self._take(list(self._tail.to_end()))

    def poll(self, wait_s: float = 0.0) -> None:
        """Take in what is new."""
        self._take(self._tail.poll(wait_s))

    def knows(self, agreement: str, subject: bytes) -> bool:
        """Say whether the subject has said anything about the agreement, yes or no."""
        return (agreement, subject) in self._known

    def _take(self, entries: list[Entry]) -> None:
        changed = {self._take_one(entry) for entry in entries}
        for agreement in changed:
            self.given[agreement] = frozenset(self._given[agreement])

    def _take_one(self, entry: Entry) -> str:
        try:
            consent = consent_from(entry.value)
        except RecordError as bad:
            # Skipping it could be skipping a withdrawal.
            raise DocumentError(bad.message, place=f"{CONSENTS}/0/{entry.offset}") from None
        subjects = self._given.setdefault(consent.agreement, set())
        self._known.add((consent.agreement, consent.subject))
        if consent.given:
            subjects.add(consent.subject)
        else:
            subjects.discard(consent.subject)
        return consent.agreement

    def close(self) -> None:
        self._tail.close()


class ConsentWriter:
    """Writes consents; visible to workers from the commit on."""

    def __init__(self, cluster: Cluster, ecosystem: str) -> None:
        self._producer = TransactionalProducer(cluster, f"penstock.{ecosystem}.consents")
        self._producer.init()

    def write(self, consents: list[ConsentRecord]) -> None:
        """Commit `consents` together."""
        with self._producer.transaction() as transaction:
            for consent in consents:
                transaction.produce(CONSENTS, consent.to_value(), key=consent.key(), partition=0)

    def close(self) -> None:
        self._producer.close()
