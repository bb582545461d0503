"""What a role depends on, looked after while it runs: key store, KMS, control topic."""

import contextlib
from collections.abc import Iterator

from ..schemas.errors import UnavailableError
from ..schemas.ports import Kms
from ..streams.control import ControlReader
from ..streams.control_end import ControlEnd
from .metrics import RoleMetrics
from .metrics.operations import Dependencies
from .periodic import Periodic
from .store.health import require_well
from .timed import timed
from .wiring import Wiring

LOOK_S = 1.0


@contextlib.contextmanager
def vital_signs(
    wiring: Wiring, metrics: RoleMetrics, dependencies: Dependencies, control: ControlReader | ControlEnd
) -> Iterator[None]:
    """Keep the gauges of store, KMS and control topic true until the block ends.

    `control` is the reader whose generation the role acts on, or its end, which is closed with the block. Everything
    happens in threads of its own.
    """
    kms = wiring.kms(dependencies)

    def store_check() -> None:
        with timed(dependencies.store, "health"):
            require_well(wiring.engine)

    end = control if isinstance(control, ControlEnd) else ControlEnd(wiring.cluster(), control)
    store, vault = Periodic("key store", store_check), Periodic("KMS", lambda: _require_well(kms))
    topic = Periodic("control topic", end.look, LOOK_S)
    try:
        with _at_once(store, vault, topic):
            dependencies.store_healthy.set_function(lambda: float(store.is_well))
            dependencies.kms_healthy.set_function(lambda: float(vault.is_well))
            metrics.control_age.set_function(lambda: end.age_s)
            yield
    finally:
        if topic.has_ended:  # else it still uses the client
            end.close()


@contextlib.contextmanager
def _at_once(*checks: Periodic) -> Iterator[None]:
    """Run the checks, and let all of them stop before waiting for any."""
    with contextlib.ExitStack() as stack:
        for one in checks:
            stack.enter_context(one)
        try:
            yield
        finally:
            for one in checks:
                one.stop()


def _require_well(kms: Kms) -> None:
    said = kms.health()
    if said is not None:
        raise UnavailableError(said, remedy="bring it back: nothing new can be opened without it")
