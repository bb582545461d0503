"""Whether store and Kafka are of one time: after a restore one of them may be an older copy than the other knows."""

from ..schemas.generation import Generation
from ..streams.consents import orders_to_erase
from .store.progress import ERASURES, GENERATION, require_kafka, require_not_older, require_store
from .wiring import Wiring


def require_abreast(wiring: Wiring, generation: Generation) -> None:
    """Raise ConfigurationError, which says what to restore, unless each has come as far as the other knows it to be.

    What is in force is noted in the store, for the next time.
    """
    progress = wiring.progress()
    known = progress.held()
    require_store(known, generation.store)
    require_kafka(known, GENERATION, generation.number)
    if known.get(GENERATION, 0) < generation.number:
        progress.saw(GENERATION, generation.number)


def require_orders_abreast(wiring: Wiring) -> None:
    """Raise ConfigurationError as `require_abreast` does, by the orders to erase. For who may read them."""
    orders, known = orders_to_erase(wiring.cluster()), wiring.progress().held()
    require_not_older(known, orders)
    require_kafka(known, ERASURES, max([-1, *(one.offset for one in orders)]))
