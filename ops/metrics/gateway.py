"""The gateway's metrics: whom it turned away, the agreements in force, the disk."""

import shutil
import time
from collections.abc import Callable, Iterator

from prometheus_client.core import GaugeMetricFamily

from ...schemas.errors import DocumentError
from ...schemas.generation import AgreementInForce, Generation
from ...schemas.principals import GATEWAY, OPERATOR, connector_principal, exchange_principal, member_principal
from ..documents.load import connectors_of
from ..home import Home
from .access import AccessMetrics
from .asked import Asked
from .erasures import ErasureMetrics
from .hand_outs import HandOutMetrics
from .operations import Dependencies
from .role import RoleMetrics
from .words import AGREEMENT_STATES, refuse_labels

Current = Callable[[], Generation | None]


class GatewayMetrics(RoleMetrics):
    """The gateway's metrics. `access` counts refusals at its doors and Kafka's, `hand_outs` what left."""

    def __init__(self) -> None:
        super().__init__()
        self.access = AccessMetrics(self.families, self._know)
        self.hand_outs = HandOutMetrics(self.families, self._know)
        self.dependencies = Dependencies(self.families)
        self.families.asked("penstock_generation", "The generation acted on.", self._number)
        self._current: Current = lambda: None
        self._home: Home | None = None
        self._known: Generation | None = None
        self.registry.register(Asked(self._gauges))
        self.erasures = ErasureMetrics(self.registry)

    def watch(self, current: Current, home: Home) -> None:
        """Tell at each scrape of the agreements that `current` gives, and of the disks on which `home` lies."""
        self._current, self._home = current, home

    def _number(self) -> float:
        generation = self._current()
        return generation.number if generation else 0

    def _know(self) -> None:
        """Let those be named as principals who have a name in what is in force, or in `connectors.yaml`."""
        generation = self._current()
        if generation is None or generation is self._known:
            return
        self._known = generation
        members = [one.id for one in generation.charter.members]
        self.words.know("principal", [OPERATOR, GATEWAY, *members, *map(member_principal, members)])
        self.words.know("recipient", members)
        self.words.know("agreement", generation.agreements)
        self.words.know("principal", map(exchange_principal, generation.contracts))
        self.words.know("principal", map(connector_principal, self._sources()))

    def _sources(self) -> list[str]:
        try:
            return [one.id for one in connectors_of(self._home.root).sources] if self._home else []
        except DocumentError:
            return []  # in the making: they are counted without a name

    def _gauges(self) -> Iterator[GaugeMetricFamily]:
        expires = _family("agreement_expires_timestamp_seconds", "When an agreement's validity ends.", "agreement")
        status = _family("agreement_status", "1 for the state that an agreement is in.", "agreement", "state")
        generation = self._current()
        if generation is not None:
            for key, held in generation.agreements.items():
                expires.add_metric([key], held.agreement.valid.until.timestamp())
                is_in = state_of(held, time.time())
                for state in AGREEMENT_STATES:
                    status.add_metric([key, state], float(state == is_in))
        yield expires
        yield status
        free = _family("disk_free_bytes", "Room that is left where a place lies.", "place")
        size = _family("disk_size_bytes", "Size of the file system where a place lies.", "place")
        places = {"state": self._home.state, "broker": self._home.broker} if self._home else {}
        for place, path in places.items():
            if path.exists():
                usage = shutil.disk_usage(path)
                free.add_metric([place], usage.free)
                size.add_metric([place], usage.total)
        yield free
        yield size


def state_of(held: AgreementInForce, at_s: float) -> str:
    """Return the state an agreement is in: what was decided about it, else what its validity says."""
    valid = held.agreement.valid
    if held.status != "in_force":
        return held.status
    if at_s < valid.from_.timestamp():
        return "not_yet_valid"
    return "in_force" if at_s < valid.until.timestamp() else "expired"


def _family(name: str, about: str, *labels: str) -> GaugeMetricFamily:
    refuse_labels(f"penstock_{name}", labels)
    return GaugeMetricFamily(f"penstock_{name}", about, labels=labels)
