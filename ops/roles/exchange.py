"""The role `exchange`: one slot of one dataset's lane."""

from pathlib import Path
from threading import Event

from ...streams.control import ControlReader
from ...streams.exchange import Exchange, Slot, World
from ..health import RoleServer
from ..metrics import ExchangeMetrics
from ..wiring import Wiring, now_ms
from .process import role_process


def run_exchange(directory: Path, dataset: str, number: int) -> None:
    """Serve until told to stop."""
    name = f"exchange-{dataset}-{number}"
    with role_process(name) as stop:
        wiring = Wiring(directory)
        metrics = ExchangeMetrics(dataset)
        with RoleServer(name, wiring.home.run, metrics):
            control = ControlReader(wiring.cluster())
            metrics.state("waiting", f"for a generation that names {dataset}")
            if control.wait_for(dataset, stop):
                world = World(wiring.cluster(), wiring.key_store(), wiring.registry(), metrics, now_ms)
                _serve(Exchange(Slot(wiring.ecosystem.id, dataset, number), world, control), stop)


def _serve(exchange: Exchange, stop: Event) -> None:
    try:
        exchange.run(stop)
    finally:
        exchange.close()
