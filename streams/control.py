"""The control topic: what is in force, as numbered generations."""

from threading import Event

from ..schemas.errors import ConfigurationError, DocumentError, RecordError
from ..schemas.generation import Generation, content_digest, from_record, to_record
from ..schemas.versioned import pack, unpack
from .settings import Cluster
from .tail import Entry, Tail
from .topics import CONTROL
from .transaction import TransactionalProducer

KEY = b"generation"


class ControlReader:
    """Follows the control topic. `generation` is the newest one seen, None before the first `apply`."""

    def __init__(self, cluster: Cluster) -> None:
        self.generation: Generation | None = None
        self._tail = Tail(cluster, CONTROL)

    def catch_up(self) -> Generation | None:
        """Read to the end as of now and return what is in force."""
        entries = list(self._tail.to_end())
        return self._newest(entries)

    def wait_for(self, dataset: str, stop: Event, lane: int = 0) -> bool:
        """Wait for a generation that names `dataset`, and `lane` of it; False when `stop` is set before."""
        self.catch_up()
        while not stop.is_set():
            if self.generation is not None and _has_lane(self.generation, dataset, lane):
                return True
            self.poll(0.2)
        return False

    def in_force(self) -> Generation:
        """Return what is in force. Raises ConfigurationError when nothing is."""
        if self.generation is None:
            raise ConfigurationError("nothing is in force yet", remedy="run: penstock apply DIR")
        return self.generation

    def poll(self, wait_s: float = 0.0) -> Generation | None:
        """Return a generation that is newer than any returned before, or None."""
        entries = self._tail.poll(wait_s)
        return self._newest(entries) if entries else None

    @property
    def topic(self) -> str:
        return self._tail.topic

    @property
    def position(self) -> int:
        """The offset up to which every generation was read."""
        return self._tail.position

    @property
    def reached(self) -> int:
        """The end of the topic when it was last reached; negative before that."""
        return self._tail.reached

    def _newest(self, entries: list[Entry]) -> Generation | None:
        if entries:
            self.generation = read_generation(entries[-1])
        return self.generation

    def close(self) -> None:
        self._tail.close()


def _has_lane(generation: Generation, dataset: str, lane: int) -> bool:
    has = lane == 0 or any(one.lane == lane for one in generation.of_dataset(dataset))
    return dataset in generation.contracts and has


def read_generation(entry: Entry) -> Generation:
    """Return the generation of a control record.

    Raises DocumentError for a record that is none: a worker must not go on with an older one, since what it cannot
    read may be a suspension.
    """
    try:
        return from_record(unpack(entry.value))
    except (KeyError, TypeError, AttributeError, ValueError, RecordError) as failure:
        # From None: a validation message may quote the document.
        raise DocumentError(
            f"the control record cannot be read ({type(failure).__name__})",
            place=f"{CONTROL}/0/{entry.offset}",
            remedy="a newer Penstock wrote it, or it did not come from `penstock apply`: upgrade, or apply again",
        ) from None


class ControlWriter:
    """Puts generations in force. One at a time: a second writer fences the first."""

    def __init__(self, cluster: Cluster, ecosystem: str) -> None:
        self._cluster = cluster
        self._producer = TransactionalProducer(cluster, f"penstock.{ecosystem}.control")
        self._producer.init()  # before `current` is read: from here on nobody else writes

    def current(self) -> Generation | None:
        """Return what is in force now; no other writer can change it before this one's `write`."""
        reader = ControlReader(self._cluster)
        try:
            return reader.catch_up()
        finally:
            reader.close()

    def write(self, generation: Generation) -> None:
        """Put `generation` in force: visible to every worker from the commit on."""
        with self._producer.transaction() as transaction:
            transaction.produce(CONTROL, pack(to_record(generation)), key=KEY, partition=0)

    def close(self) -> None:
        self._producer.close()


def differs(generation: Generation, current: Generation | None) -> bool:
    """Say whether `generation` says anything else than what is in force."""
    return current is None or content_digest(current) != content_digest(generation)
