"""How far a store has come, so that an older copy of it, or an older Kafka beside it, is known."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, Engine, select

from ...schemas.erasure import Ordered
from ...schemas.errors import ConfigurationError
from .engine import insert_new, reading, writing
from .tables import progress

STORE, ERASURES, GENERATION = "store", "erasures", "generation"
"""The store's own count; offset of the last order to erase that was carried out; number of the newest generation."""


def held(connection: Connection) -> dict[str, int]:
    """Return what the store says of itself; what it never said is absent."""
    return {row.name: row.value for row in connection.execute(select(progress))}


def advance(connection: Connection, name: str, value: int) -> bool:
    """Let `name` be `value` unless it is that far; say whether it was not."""
    insert_new(connection, progress, [{"name": name, "value": -1}])
    further = progress.update().where(progress.c.name == name, progress.c.value < value).values(value=value)
    return connection.execute(further).rowcount > 0


class Progress:
    """A store's progress, asked and moved on."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def held(self) -> Mapping[str, int]:
        with reading(self._engine) as connection:
            return held(connection)

    def saw(self, name: str, value: int) -> None:
        """Know of `value`, for ever; less than is known changes nothing."""
        with writing(self._engine) as connection:
            advance(connection, name, value)

    def step(self) -> int:
        """Count the store's own progress on by one, durably; return it."""
        with writing(self._engine) as connection:
            counted = held(connection).get(STORE, 0) + 1
            advance(connection, STORE, counted)
            return counted


def require_not_older(known: Mapping[str, int], orders: Sequence[Ordered]) -> None:
    """Raise ConfigurationError when an order says that the store had come further than it has."""
    require_store(known, max((one.order.store for one in orders), default=0))


def require_store(known: Mapping[str, int], newest: int) -> None:
    """Raise ConfigurationError for a store that has not come as far as `newest`: Kafka says that it had."""
    if known.get(STORE, 0) < newest:
        raise ConfigurationError(
            "the store is an older copy: Kafka tells of changes that it never heard of",
            place=f"store {known.get(STORE, 0)}, Kafka {newest}",
            remedy="restore the store's newest backup, then: penstock erasure replay",
        )


def require_kafka(known: Mapping[str, int], name: str, newest: int) -> None:
    """Raise ConfigurationError for a Kafka that has not come as far as the store knows that it had."""
    if newest < known.get(name, newest):
        raise ConfigurationError(
            "Kafka is an older copy: the store knows of changes that are not in it",
            place=f"{name}: store {known[name]}, Kafka {newest}",
            remedy="restore Kafka's newest copy",
        )
