"""Each transaction against its own account: of what it holds, readers see all or nothing."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from checker_accounts import RELEASED, Owners, places, spot
from checker_evidence import PARKED, Audit, Evidence, Place, Producer, producer_of
from checker_findings import Findings
from checker_run import Run
from segments import Entry


@dataclass(frozen=True)
class Transactions:
    """`owed` has the oracle's word by agreement and place."""

    evidence: Evidence
    owners: Owners
    owed: Mapping[str, Mapping[Place, str]]
    findings: Findings

    @property
    def run(self) -> Run:
        return self.evidence.run

    def sit(self) -> None:
        offsets = self.evidence.offsets()
        visible = [audit for audit in self.evidence.audits if audit.visible]
        for audit in visible:
            lacking = list(self._lacking(audit, offsets))
            if lacking:
                self.findings.add("torn", f"audit {audit.entry.offset}: without {', '.join(lacking[:3])}")
            self._counts(audit)
        # Who catches up for one agreement commits again where the group stands: the value counts, not who committed it.
        starts = {(partition, min(records, default=0)) for partition, records in self.evidence.inputs.items()}
        ends = {place for audit in visible for place in ends_of(audit)}
        for place in sorted({place for _, place in offsets} - ends - starts):
            self.findings.add("torn", f"group offset {spot(place)}: without its audit record")
        self._unaccounted()

    def _lacking(self, audit: Audit, offsets: set[tuple[Producer, Place]]) -> Iterable[str]:
        """Yield the topics and partitions in which all is absent of what this transaction should have put there."""
        for agreement in audit.said["agreements"]:
            owed: dict[int, bool] = {}
            for place in self._released_by(audit, agreement):
                releases = self.evidence.releases[agreement].get(place, ())
                owed[place[0]] = owed.get(place[0], False) or here(
                    audit, [one.entry for one in releases if one.visible]
                )
            yield from (f"{self.run.view(agreement)}/{partition}" for partition, found in owed.items() if not found)
        events, poison = self._events_and_poison(audit)
        if events and not here(audit, [one.entry for place in events for one in self.evidence.told.get(place, ())]):
            yield "disclosures"
        if poison and not here(audit, [one for place in poison for one in self.evidence.quarantined.get(place, ())]):
            yield "quarantine"
        if not audit.catches_up and not {(producer_of(audit.entry), place) for place in ends_of(audit)} <= offsets:
            yield "group offsets"

    def _released_by(self, audit: Audit, agreement: str) -> list[Place]:
        owners, owed = self.owners[agreement], self.owed[agreement]
        return [place for place in places(audit) if owed.get(place) == RELEASED and owners.get(place) is audit]

    def _events_and_poison(self, audit: Audit) -> tuple[list[Place], list[Place]]:
        events, poison = [], []
        for place in places(audit):
            one = self.evidence.inputs[place[0]].get(place[1])
            if one is not None:
                (poison if one.event is None else events).append(place)
        return events, [] if audit.catches_up else poison

    def _counts(self, audit: Audit) -> None:
        """An audit record says of each agreement what follows for it."""
        for agreement, said in audit.said["agreements"].items():
            owners, owed = self.owners[agreement], self.owed[agreement]
            mine = Counter(owed[one] for one in places(audit) if one in owed and owners.get(one) is audit)
            told = {RELEASED: said["released"], **said["withheld"]}
            told.pop(PARKED, None)
            if {word: number for word, number in told.items() if number} != dict(mine):
                self.findings.add("forbidden", f"audit {audit.entry.offset}: its counts for {agreement}")

    def _unaccounted(self) -> None:
        """What readers see was put there by the transaction whose audit record names it."""
        strays: dict[tuple[int, int], str] = {}
        for agreement, found in self.evidence.releases.items():
            for place, releases in found.items():
                owner = self.owners[agreement].get(place)
                accounted = producer_of(owner.entry) if owner else None
                for one in releases:
                    if one.visible and producer_of(one.entry) != accounted:
                        strays.setdefault(producer_of(one.entry), f"{spot(place)} for {agreement}")
        for where in strays.values():
            self.findings.add("torn", f"{where}: its audit record is not seen")


def here(audit: Audit, entries: Iterable[Entry]) -> bool:
    """Say whether any of these was written by who wrote the audit record."""
    return any(producer_of(one) == producer_of(audit.entry) for one in entries)


def ends_of(audit: Audit) -> list[Place]:
    return [(partition, end) for partition, (_, end) in audit.ranges.items()]
