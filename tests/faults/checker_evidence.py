"""What lies in a run's topics, by the input that it came of: audits, releases, what subjects were told, offsets."""

import json
import struct
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from checker_findings import Findings
from checker_run import OFFSETS, Input, Run, Seen, seen
from segments import ABORTED, COMMITTED, Entry

Place = tuple[int, int]
"""Partition and offset of an input."""

Producer = tuple[int, int]
"""A producer's id and epoch."""

PARKED = "parked"
"""Told where an agreement's record is put aside: it is decided in a later transaction."""


def producer_of(entry: Entry) -> Producer:
    return entry.attempt.pid, entry.attempt.epoch


@dataclass(frozen=True, slots=True, eq=False)
class Audit:
    """An exchange transaction's own account."""

    entry: Entry
    said: dict[str, Any]
    visible: bool

    @property
    def ranges(self) -> dict[int, tuple[int, int]]:
        return {int(partition): (first, end) for partition, (first, end, _) in self.said["inputs"].items()}

    def names(self, agreement: str, place: Place) -> bool:
        first, end = self.ranges.get(place[0], (0, 0))
        return agreement in self.said["agreements"] and first <= place[1] < end

    def puts_aside(self, agreement: str, partition: int) -> bool:
        return partition in self.said.get("put_aside", {}).get(agreement, ())

    @property
    def catches_up(self) -> bool:
        """Whether it decides for one agreement what others put aside; then it moves no group."""
        return bool(self.said.get("catch_up"))


class Release(NamedTuple):
    """A record of a view topic, in whatever attempt."""

    entry: Entry
    record: dict[str, Any]
    visible: bool


class Told(NamedTuple):
    """What a disclosure record says became of an event."""

    entry: Entry
    decisions: dict[str, str]


class Evidence:
    """Everything in memory. Places that make no sense are findings already."""

    def __init__(self, run: Run, findings: Findings) -> None:
        self.run = run
        self.findings = findings
        self.inputs: dict[int, dict[int, Input]] = {}
        self.places: dict[int, Place] = {}
        wanted = {run.topic, *run.outputs}
        self.seen: Seen = seen(str(run.said["bootstrap"]), [place for place in run.places if place[0] in wanted])
        self._read_inputs()
        self.audits = list(self._read_audits())
        self.told: dict[Place, list[Told]] = defaultdict(list)
        self._read_disclosures()
        self.quarantined: dict[Place, list[Entry]] = defaultdict(list)
        self._read_quarantine()
        self.releases: dict[str, dict[Place, list[Release]]] = {key: defaultdict(list) for key in run.agreements}
        self._read_views()

    def visible(self, topic: str, partition: int, entry: Entry) -> bool:
        return entry.offset in self.seen[topic, partition]

    def everything(self) -> Iterator[tuple[Place, Input]]:
        for partition, records in self.inputs.items():
            for offset, one in records.items():
                yield (partition, offset), one

    def _read_inputs(self) -> None:
        for partition, log in self.run.logs(self.run.topic).items():
            entries = [one for one in log.entries if self.visible(self.run.topic, partition, one)]
            self.inputs[partition] = {one.offset: self.run.input_of(one) for one in entries}
        for place, one in self.everything():
            if one.event is not None:
                before = self.places.setdefault(one.event["serial"], place)
                assert before == place, f"the bench itself wrote {before} again at {place}"
        for line in self.run.journal():
            if line["o"] not in self.inputs[line["p"]]:
                self.findings.add("missing", f"{self.run.topic}/{line['p']}/{line['o']} itself")

    def _own(self, topic: str) -> Iterator[tuple[Entry, bool]]:
        for partition, log in self.run.logs(topic).items():
            for entry in log.entries:
                yield entry, self.visible(topic, partition, entry)

    def _read_audits(self) -> Iterator[Audit]:
        for entry, visible in self._own(self.run.audit):
            said = json.loads((entry.value or b"")[1:])
            if said["kind"] == "exchange" and said["dataset"] == self.run.dataset:
                yield Audit(entry, said, visible)

    def _read_disclosures(self) -> None:
        for entry, visible in self._own(self.run.disclosures):
            said = json.loads((entry.value or b"")[1:])
            if said["dataset"] == self.run.dataset and visible:
                self.told[place_in(said["source"])].append(Told(entry, said["decisions"]))

    def _read_quarantine(self) -> None:
        for entry, visible in self._own(self.run.quarantine):
            said = dict(entry.headers)
            if visible and "penstock.agreement" not in said:
                self.quarantined[place_in(said["penstock.source"].decode())].append(entry)

    def _read_views(self) -> None:
        for agreement in self.run.agreements:
            topic = self.run.view(agreement)
            for partition, log in self.run.logs(topic).items():
                for entry in log.entries:
                    self._take(agreement, partition, entry, visible=self.visible(topic, partition, entry))

    def _take(self, agreement: str, partition: int, entry: Entry, *, visible: bool) -> None:
        record = self.run.codec.read(entry.value)
        place = self.places.get(record["serial"]) if record else None
        if record is None or place is None or place[0] != partition:
            self.findings.add("forbidden", f"{self.run.view(agreement)}/{partition}/{entry.offset}: of no input there")
        else:
            self.releases[agreement][place].append(Release(entry, record, visible))

    def offsets(self) -> set[tuple[Producer, Place]]:
        """Return what transactions committed for the lane's group, by producer."""
        found = set()
        for log in self.run.logs(OFFSETS).values():
            for entry in log.entries:
                place = self._committed_offset(entry)
                if place is not None and entry.attempt.outcome == COMMITTED:
                    found.add((producer_of(entry), place))
        return found

    def _committed_offset(self, entry: Entry) -> Place | None:
        """Read an offset commit: key version 0 or 1, group, topic, partition; value version, offset, …."""
        key = entry.key or b""
        if entry.value is None or len(key) < 2 or struct.unpack_from(">h", key)[0] > 1:
            return None
        group, at = word(key, 2)
        topic, at = word(key, at)
        if (group, topic) != (self.run.group, self.run.topic):
            return None
        partition: int = struct.unpack_from(">i", key, at)[0]
        offset: int = struct.unpack_from(">q", entry.value, 2)[0]
        return partition, offset

    def aborted(self) -> int:
        return sum(one.entry.attempt.outcome == ABORTED for one in self.audits)


def word(data: bytes, at: int) -> tuple[str, int]:
    size = struct.unpack_from(">h", data, at)[0]
    return data[at + 2 : at + 2 + size].decode(), at + 2 + size


def place_in(source: str) -> Place:
    _, partition, offset = source.rsplit("/", 2)
    return int(partition), int(offset)
