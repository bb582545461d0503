"""The place of each agreement in its dataset's lanes: given once, when it is put in force."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..schemas.agreement import Agreement
from ..schemas.contract import DataContract
from ..schemas.generation import Generation
from ..schemas.lanes import LANE_VIEWS, lane_group
from ..schemas.start import start_ms
from ..streams.settings import Cluster
from ..streams.starting import begin_beside, offsets_from
from .documents.load import Documents
from .home import Home


@dataclass(frozen=True, slots=True)
class Place:
    """`start`: by partition, the first offset owed; empty: what comes from now on. `lane`: who serves it."""

    start: Mapping[int, int] = field(default_factory=dict)
    lane: int = 0


class Places:
    """Gives places: who has one keeps it, the others come into the first lane that has room."""

    def __init__(self, cluster: Cluster, ecosystem: str, documents: Documents, current: Generation | None) -> None:
        self._cluster = cluster
        self._ecosystem = ecosystem
        self._contracts = documents.contracts
        self._current = current
        self._before = current.agreements if current else {}
        kept = [self._before[key] for key in documents.agreements if key in self._before]
        self._views = Counter((one.agreement.dataset, one.lane) for one in kept if one.status != "terminated")

    def of(self, agreement: Agreement) -> Place:
        """Return an agreement's place. Raises UnavailableError when Kafka does not say where the past begins."""
        contract = self._contracts[agreement.dataset]
        held = self._before.get(agreement.id)
        if held is not None and held.agreement.dataset == agreement.dataset and self._goes_on(contract):
            return Place(held.start, held.lane)
        lane = held.lane if held else self._room(agreement.dataset)
        begin_ms = start_ms(agreement.start)
        if begin_ms is not None:
            start = offsets_from(self._cluster, contract.topic, contract.partitions, begin_ms)
            return Place(start, lane)
        return Place(self._beside(contract, lane) if lane else {}, lane)

    def _goes_on(self, contract: DataContract) -> bool:
        """Say whether the dataset's topic is the one it was: offsets of another mean nothing on this one."""
        before = self._current.contracts.get(contract.id) if self._current else None
        return before is not None and before.contract.topic == contract.topic

    def _room(self, dataset: str) -> int:
        lane = 0
        while self._views[dataset, lane] >= LANE_VIEWS:
            lane += 1
        self._views[dataset, lane] += 1
        return lane

    def _beside(self, contract: DataContract, lane: int) -> Mapping[int, int]:
        """Return where the first lane stands, so that what a later one serves begins there, too."""
        first = lane_group(self._ecosystem, contract.topic)
        group = lane_group(self._ecosystem, contract.topic, lane)
        return begin_beside(self._cluster, first, group, contract.topic, contract.partitions)


def lanes_of(generation: Generation, dataset: str) -> list[int]:
    """Return the lanes that a dataset has; the first is always there."""
    return sorted({0, *(one.lane for one in generation.of_dataset(dataset) if one.status != "terminated")})


def remember(home: Home, generation: Generation) -> None:
    """Write down how many lanes each dataset has, for whoever starts their processes before Kafka runs."""
    lanes = {dataset: lanes_of(generation, dataset)[-1] + 1 for dataset in generation.contracts}
    _file(home).write_text(json.dumps(lanes))


def lanes_wanted(home: Home, documents: Documents) -> Mapping[str, int]:
    """Return how many lanes each dataset of the documents needs at most: those it has, or more for those that come."""
    views = Counter(one.dataset for one in documents.agreements.values())
    try:
        had = json.loads(_file(home).read_text())
    except (OSError, ValueError):
        had = {}
    return {one: max(1, -(-views[one] // LANE_VIEWS), int(had.get(one, 1))) for one in documents.contracts}


def _file(home: Home) -> Path:
    return home.state / "lanes.json"
