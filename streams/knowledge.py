"""What a slot knows of the documents in force and of consents, and as of when (law 7).

A change acts within a second of its commit. What makes it so: nothing commits without knowing the ends of control and
consents as of `FRESH_S` ago (`require_current`); between transactions, which are short (`DECIDED_S`), the slot says up
to where it acts on changes (`refresh`), so that whoever makes one can wait for it; and who stays silent is fenced,
which takes from it what it has not committed yet (see `fencing`).
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from threading import Event

from ..processors.access import next_lapse_ms
from ..schemas.consent import ConsentRecord
from ..schemas.erasure import Ordered
from ..schemas.errors import UnavailableError
from ..schemas.generation import Generation
from ..schemas.slot_record import SlotPlace
from .consents import ConsentReader
from .control import ControlReader
from .ends import Ends, Known
from .settings import Cluster
from .slots import SlotVoice
from .transaction import TransactionOutdated

DECIDED_S = 0.5
"""From taking in what is new to the offsets; a slot that takes longer answers a change too late, and is fenced."""
FRESH_S = 0.25
STEP_S = 0.02
REFRESH_S = 0.1

Released = Collection[tuple[str, bytes]]
"""Agreements and data subjects that a batch releases something to, and of."""


Erase = Callable[[Sequence[Ordered]], None]
"""Destroys, in the store and in memory, what orders name. May raise UnavailableError: then it is called again."""


class Knowledge:
    """Follows control and consents for one slot. Not thread-safe. `control` has read a generation.

    Orders to erase are given to `erase` before anything says that they are known.
    """

    def __init__(self, cluster: Cluster, control: ControlReader, erase: Erase) -> None:
        self._erase = erase
        self._cluster = cluster
        self._control = control
        self._consents = ConsentReader(cluster)
        self._ends = Ends(cluster, (control.topic, self._consents.topic))
        self._voice: SlotVoice | None = None
        self._taken_in_at = time.monotonic()
        self._news: list[ConsentRecord] = []  # since what was taken in last was decided on
        self._was_long = False

    @property
    def generation(self) -> Generation:
        """The newest generation known."""
        return self._control.in_force()

    @property
    def consents(self) -> Mapping[str, frozenset[bytes]]:
        """Given consents: references of data subjects by agreement."""
        return self._consents.given

    @property
    def consent_offset(self) -> int:
        return self._consents.offset

    def catch_up(self) -> None:
        """Read to the end as of now. Raises whatever `erase` raises."""
        self._control.catch_up()
        self._consents.catch_up()
        self._obey()

    def announce(self, place: SlotPlace) -> None:
        """Let everybody know of the slot, then catch up: whoever makes a change that we do not know by then waits.

        For when the slot's transactional id was taken over, and before its first transaction: from here on no earlier
        incarnation has anything open. Raises UnavailableError when Kafka does not take it.
        """
        self._ends.start()
        self._voice = SlotVoice(self._cluster, place)
        self._voice.announce(self.generation.number, self.consent_offset)
        self.catch_up()

    def refresh(self) -> None:
        """Take in what is new, and acknowledge it. For between two transactions, when the last one's end is known.

        It says: nothing that goes against this is open, or will still be committed. Raises whatever `erase` raises,
        and then acknowledges nothing.
        """
        self._taken_in_at = time.monotonic()
        self._control.poll()
        self._consents.poll()
        self._news.clear()
        self._obey()
        if self._voice is not None:
            self._voice.say(self.generation.number, self.consent_offset)

    def wait(self, seconds: float, stop: Event) -> None:
        """Wait between two transactions, and go on acknowledging meanwhile; shorter once `stop` is set."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not stop.wait(min(left, REFRESH_S)):
            try:
                self.refresh()
            except UnavailableError:
                if not self._consents.orders:
                    raise  # else what is to be erased is erased once the store answers, and not acknowledged before

    def _obey(self) -> None:
        if self._consents.orders:
            self._erase(self._consents.orders)
            self._consents.orders.clear()

    def require_current(self, generation: int, released: Callable[[], Released]) -> None:
        """Be asked when a transaction decided under `generation` has everything but its offsets.

        `released` is asked only where a consent was withdrawn meanwhile. Raises TransactionOutdated when what was
        decided may be out of date: a newer generation came, somebody of `released` withdrew a consent, or Kafka does
        not tell in time that there is no such thing. Also when it took too long, but not twice in a row: smaller
        batches may not be to be had, and what else is asked here holds.
        """
        self._require_short()
        deadline = time.monotonic() + FRESH_S
        if self._voice is None or not self._voice.heard(FRESH_S):
            raise TransactionOutdated("Kafka did not take the slot's acknowledgement in time")
        self._take_in_to_the_ends(deadline)
        if self.generation.number != generation:
            raise TransactionOutdated(f"generation {self.generation.number} is in force")
        withdrawn = {(one.agreement, one.subject) for one in self._news if not one.given}
        if withdrawn and not withdrawn.isdisjoint(released()):
            raise TransactionOutdated("a consent was withdrawn")
        if self._consents.orders:
            # Whoever it is about, and whatever key it was under: there are few of these.
            raise TransactionOutdated("a data subject is to be erased")
        # Nothing of it goes against the consents known by now, either.
        self._voice.say(generation, self.consent_offset)

    def _require_short(self) -> None:
        too_long = time.monotonic() - self._taken_in_at > DECIDED_S
        self._was_long = too_long and not self._was_long
        if self._was_long:
            raise TransactionOutdated("deciding took too long", too_long=True)

    def _take_in_to_the_ends(self, deadline: float) -> None:
        """Take in what came since; return when all is known that there was FRESH_S ago."""
        wait_s = 0.0
        while True:
            self._control.poll(wait_s)
            self._news += self._consents.poll(wait_s)
            lately = self._ends.lately(FRESH_S)
            if any(map(self._has_reached, lately)):
                return
            if time.monotonic() > deadline:
                raise TransactionOutdated("Kafka did not tell in time that nothing changed")
            if not lately:
                self._ends.ask(min(FRESH_S, max(STEP_S, deadline - time.monotonic())))
            wait_s = STEP_S if lately else 0.0

    def _has_reached(self, known: Known) -> bool:
        control, consents = known.offsets
        return self._control.position >= control and self._consents.position >= consents

    def leave(self) -> None:
        """Say that the slot ends in order: the end of its last transaction is known, and none follows."""
        if self._voice is not None:
            self._voice.leave()

    def close(self) -> None:
        self._ends.close()
        self._consents.close()
        if self._voice is not None:
            self._voice.close()


def require_valid(generation: Generation, decided_at_ms: int, now_ms: int) -> None:
    """Raise TransactionOutdated when an agreement ended by itself between deciding and now: no record says that."""
    lapse_ms = next_lapse_ms(generation, decided_at_ms)
    if lapse_ms is not None and lapse_ms <= now_ms:
        raise TransactionOutdated("an agreement ended meanwhile")
