"""A dataset of small events about nobody, thousands a second of them, and two workers that keep up with them."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from access_world import AccessWorld
from broker_times import Taken, committed, count, delays, last
from ecosystem import TESTS, until
from law7_world import Law7World

from penstock.schemas.codec import Codec
from penstock.schemas.confluent_wire import frame

DOCUMENTS = TESTS / "law7" / "ticks"
TICKS, KEPT = "ticks", "ticks-kept"
FED_A_SECOND = 5_500
STEADY_S = 3
"""So long the feed goes on before a change and after it: more than what is looked at."""
KEEPING_UP = FED_A_SECOND // 2
FIRST_MS = 1_767_225_600_000


def lay_out(access: AccessWorld) -> None:
    """Add the dataset to an ecosystem, with an agreement that stays in force."""
    for document in DOCUMENTS.glob("ticks.*"):
        (access.ecosystem.directory / "contracts" / document.name).write_text(document.read_text())
    agree(access, KEPT, "ee-stat")


def agree(access: AccessWorld, agreement: str, recipient: str) -> None:
    """Put an agreement in force under which every event is released as it is."""
    text = (DOCUMENTS / "agreement.yaml").read_text()
    named = text.replace("AGREEMENT", agreement).replace("RECIPIENT", recipient)
    (access.ecosystem.directory / "agreements" / f"{agreement}.yaml").write_text(named)
    access.apply()
    vars(access).pop("generation", None)  # what it remembers is in force no more


class Ticking:
    """The dataset in a world. It always has two workers: one that stayed away would be expected back for a while."""

    def __init__(self, world: Law7World) -> None:
        self.world = world

    @property
    def directory(self) -> Path:
        return self.world.ecosystem.directory

    def agree(self, agreement: str) -> None:
        agree(self.world.access, agreement, "fi-stat")

    @contextlib.contextmanager
    def flowing(self, second: Path | None = None) -> Iterator[None]:
        """Two workers, and what they are fed with; the block begins when they have kept up with it for a while.

        `second` is the directory in which the second worker lives. When the block is over, so is the feed, and
        everything is done.
        """
        world = self.world
        with world.supervised(TICKS, self.directory, second or self.directory):
            with world.feeding(TICKS, self._values(), FED_A_SECOND):
                until(self._both_work, "one of the workers has nothing to do")
                until(lambda: self.behind() < KEEPING_UP, "the workers do not catch up")
                self.feed_on()
                yield
            until(lambda: self.behind() == 0, "what was fed is not done")

    def feed_on(self) -> None:
        """Return when the feed has gone on for a while."""
        goal = self.world.fed[TICKS] + STEADY_S * FED_A_SECOND
        until(lambda: self.world.fed[TICKS] > goal, "the feed stands still")

    def slots(self) -> list[str]:
        """Return the transactional ids of slots that are there, in the order of their numbers."""
        return sorted(one.place.slot for one in self.world.words(TICKS))

    def complaints(self, words: str) -> list[int]:
        """Return how often each worker's log has these words so far."""
        logs = (self.world.log(TICKS, number) for number in range(2))
        return [log.read_text().count(words) for log in logs]

    def _both_work(self) -> bool:
        there = {(one.place.slot, one.place.epoch) for one in self.world.words(TICKS)}
        return len(there) == 2 and there <= {(one["slot"], one["epoch"]) for one in self.world.audits(TICKS)}

    def behind(self) -> int:
        """Return how many events no committed transaction has dealt with yet."""
        return self.world.fed[TICKS] - self.world.done(TICKS)

    @property
    def topic(self) -> str:
        return self.world.access.generation.contracts[TICKS].contract.topic

    def _values(self) -> list[bytes]:
        held = self.world.access.generation.contracts[TICKS]
        (schema_id,) = held.writers
        codec = Codec(held.contract.schema)
        found = ({"tick_id": f"t{n}", "read_at": FIRST_MS + n, "serial": n, "level": n % 100} for n in range(500))
        return [frame(schema_id, codec.encode(one)) for one in found]


class Around:
    """What Kafka's logs say of the time around the newest change, which ended an agreement."""

    def __init__(self, ticking: Ticking, agreement: str) -> None:
        self.changed_at = ticking.world.changed_at()
        self.fed = ticking.world.taken(ticking.topic)
        self.kept = ticking.world.taken(f"view.{KEPT}")
        self.ended = ticking.world.taken(f"view.{agreement}")

    def fed_a_second(self, since_s: float, until_s: float) -> float:
        """Return how fast events came, between two moments counted from the change."""
        return count(self._between(committed(self.fed), since_s, until_s)) / (until_s - since_s)

    def released(self, since_s: float, until_s: float) -> list[int]:
        """Return how many records of the ended agreement's were taken between two moments, partition by partition."""
        found = [committed({0: batches}) for batches in self.ended.values()]
        return [count(self._between(batches, since_s, until_s)) for batches in found]

    def slowest_s(self, since_s: float) -> float:
        """Return how long at most an event took that could be read, by who is kept, between then and the change."""
        found = [one for number, source in self.fed.items() for one in delays(source, self.kept[number])]
        return max(took for at, took in found if since_s <= at - self.changed_at < 0)

    def last_s(self) -> tuple[float, float]:
        """Return how long after the change the last release was taken, and the last was committed."""
        return last(committed(self.ended), self.changed_at)

    def _between(self, batches: list[Taken], since_s: float, until_s: float) -> list[Taken]:
        return [one for one in batches if since_s <= one.at - self.changed_at < until_s]

    def figures(self) -> str:
        """Say it in one line."""
        return (
            f"fed {self.fed_a_second(-2, 0):,.0f}/s before and {self.fed_a_second(0, 2):,.0f}/s after; "
            f"slowest event before {1000 * self.slowest_s(-2):.0f} ms; {told(self.last_s())}"
        )


def told(last_s: tuple[float, float]) -> str:
    return "last release taken at {:+.0f} ms, readable at {:+.0f} ms".format(*(1000 * one for one in last_s))
