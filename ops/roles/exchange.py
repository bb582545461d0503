"""The role `exchange`: one slot of one dataset's lane."""

import gc
from pathlib import Path
from threading import Event

from ...schemas.lanes import slot_name
from ...schemas.principals import exchange_principal
from ...streams.control import ControlReader
from ...streams.exchange import Exchange, Slot, World
from ..abreast import require_abreast
from ..access.establish import introduce
from ..clock import now_ms
from ..health import RoleServer
from ..metrics import ExchangeMetrics
from ..timed import ObservedSchemas
from ..vital_signs import vital_signs
from ..wiring import Wiring
from .process import role_process

COLLECTED_AFTER = 100_000, 50, 100


def run_exchange(directory: Path, dataset: str, number: int, lane: int) -> None:
    """Serve until told to stop. A lane beside the first waits until an agreement has its place there."""
    name = slot_name(dataset, number, lane)
    with role_process(name, at_once=True) as stop:
        wiring = Wiring(directory, exchange_principal(dataset))
        introduce(wiring)
        metrics = ExchangeMetrics(dataset)
        with RoleServer(name, wiring.home.run, metrics):
            control = ControlReader(wiring.cluster())
            metrics.state("waiting", f"for a generation that names {dataset}")
            told = metrics.dependencies
            with vital_signs(wiring, metrics, told, control):
                if not control.wait_for(dataset, stop, lane):
                    return
                require_abreast(wiring, control.in_force())
                schemas = ObservedSchemas(wiring.registry(), metrics.registry_operations)
                keys = wiring.key_store(told, control.in_force().contracts[dataset].contract.provider)
                told.watch_keys(keys.key_facts)
                world = World(wiring.cluster(), keys, schemas, metrics, now_ms, wiring.ecosystem.exchange)
                _serve(Exchange(Slot(wiring.ecosystem.id, dataset, number, lane), world, control), stop)


def _serve(exchange: Exchange, stop: Event) -> None:
    # What there is now stays, and what a batch makes goes with it: looking through either for cycles is lost time.
    gc.freeze()
    gc.set_threshold(*COLLECTED_AFTER)
    try:
        exchange.run(stop)
    finally:
        exchange.close()
