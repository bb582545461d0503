"""Counting what an embedded Kafka refused, for whoever keeps the metrics."""

from collections.abc import Callable

from ...processors.access import wanted_roles
from ...schemas.ecosystem import NamedCluster
from ...schemas.generation import Generation
from ...schemas.principals import OPERATOR, member_principal
from ..broker.refusals import KafkaRefusals
from ..clock import now_ms
from ..wiring import Wiring
from .scenes import Scenes

Told = Callable[[str, str, str, int], None]
"""Told door, principal, reason and number."""
DOOR = "kafka"


class RefusalWatch:
    """Tells what Kafka refused since the watch began. A named cluster's log is with whoever runs it: nothing comes."""

    def __init__(self, wiring: Wiring, current: Callable[[], Generation | None], told: Told) -> None:
        self._scenes = Scenes(wiring.home.root, wiring.ecosystem.id, wiring.credentials())
        self._current = current
        self._told = told
        embedded = not isinstance(wiring.ecosystem.cluster, NamedCluster)
        log = wiring.home.broker / "logs" / "broker.0.log"
        self._refusals = KafkaRefusals(log, self._known) if embedded else None

    def tick(self) -> None:
        """Tell what is new; cheap when nothing is."""
        for principal, reason, number in self._refusals.poll() if self._refusals else ():
            self._told(DOOR, principal, reason, number)

    def close(self) -> None:
        if self._refusals:
            self._refusals.close()

    def _known(self) -> frozenset[str]:
        generation = self._current()
        members = generation.charter.members if generation else ()
        roles = wanted_roles(self._scenes(generation, now_ms()))
        return roles | {OPERATOR} | {member_principal(one.id) for one in members}
