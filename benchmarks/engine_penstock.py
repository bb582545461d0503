"""The engines `penstock`, `penstock_native`, `slow_path`: the exchange as a worker runs it, one slot of one lane.

Warm subjects' keys are in the worker's cache before it begins, as they are in one that has run for a while.
"""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from order import Order, payee_id, told

from penstock.ops.clock import now_ms
from penstock.ops.store.engine import open_sqlite
from penstock.ops.store.key_store import SqlKeyStore
from penstock.ops.store.kms_file import FileKms
from penstock.processors.keys import subject_reference
from penstock.schemas.ecosystem import ExchangeManner
from penstock.schemas.generation import Generation
from penstock.schemas.ports import SubjectWant
from penstock.streams.control import ControlReader
from penstock.streams.exchange import Exchange, Slot, World
from penstock.streams.settings import Cluster

WARMING = 5_000


class Quiet:
    """An observer that keeps nothing, and a registry that is never asked: the one writer schema is in force."""

    def __getattr__(self, _name: str) -> Any:
        return lambda *_: None


def main() -> None:
    order, stop = told()
    logging.basicConfig(level=logging.WARNING)
    cluster = Cluster(order.bootstrap)
    control = ControlReader(cluster)
    control.wait_for(order.dataset, stop, order.lane)
    keys = key_store(Path(order.folder))
    if order.subject:
        warm(keys, order, control.in_force())
    manner = ExchangeManner(**order.settings)
    world = World(cluster, keys, Quiet(), Quiet(), now_ms, manner)
    exchange = Exchange(Slot(order.group, order.dataset, order.number, order.lane), world, control)
    exchange.run(stop)
    exchange.close()
    control.close()


def key_store(folder: Path) -> SqlKeyStore:
    folder.mkdir(parents=True, exist_ok=True)
    engine = open_sqlite(folder / "store.db")
    return SqlKeyStore(engine, FileKms(folder / "kek", create=True))


def warm(keys: SqlKeyStore, order: Order, generation: Generation) -> None:
    """Bring the warm subjects' keys into memory, and into being the first time."""
    agreements = [one.agreement.id for one in generation.of_dataset(order.dataset) if one.lane == order.lane]
    for references in references_of(keys, order.warm):
        keys.subject_keys(
            [SubjectWant(one, generation.domain(key), key) for one in references for key in agreements],
        )


def references_of(keys: SqlKeyStore, count: int) -> Iterator[list[bytes]]:
    secret = keys.reference_secret()
    for start in range(0, count, WARMING):
        numbers = range(start, min(count, start + WARMING))
        yield [subject_reference(secret, payee_id(number)) for number in numbers]


if __name__ == "__main__":
    main()
