"""The judgement: each input against the oracle, each transaction against its own account."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from checker_accounts import RELEASED, owners_in, spot
from checker_evidence import PARKED, Audit, Evidence, Place, Release, producer_of
from checker_findings import Findings
from checker_oracle import Oracle, Owed, agrees
from checker_run import Input
from checker_transactions import Transactions
from oracle.view import at


class Court:
    """Holds the evidence against the oracle. `owed` has the oracle's word by agreement and place."""

    def __init__(self, evidence: Evidence, findings: Findings) -> None:
        self.evidence = evidence
        self.findings = findings
        self.run = evidence.run
        self.owed: dict[str, dict[Place, str]] = {key: {} for key in self.run.agreements}
        self._noised = {key: noised_paths(self.run.documents.agreements[key]) for key in self.run.agreements}
        self._oracle = Oracle(self.run.documents, self.run.dataset)
        self._newest = self.run.generations[max(self.run.generations)]
        self._owners = owners_in(evidence)
        self._attempts: dict[tuple[int, int], list[Audit]] = defaultdict(list)
        for audit in evidence.audits:
            self._attempts[producer_of(audit.entry)].append(audit)

    def sit(self) -> None:
        for place, one in self.evidence.everything():
            if one.event is None:
                self._poison(place)
            else:
                self._event(place, one, one.event)
        for agreement in self.run.agreements:
            self._order(agreement)
        self._strays()
        Transactions(self.evidence, self._owners, self.owed, self.findings).sit()

    # --- one input ---

    def _event(self, place: Place, one: Input, event: dict[str, Any]) -> None:
        for agreement in self.run.agreements:
            owner = self._owners[agreement].get(place)
            owed = self._owed(agreement, event, owner or one.at_ms)
            self.owed[agreement][place] = owed.word
            releases = self.evidence.releases[agreement].get(place, ())
            self._count(agreement, place, owed, sum(each.visible for each in releases))
            for each in releases:
                self._release(agreement, place, each, owed, event)
            self._noise(agreement, place, releases)
            self._told(agreement, place, owed)

    def _owed(self, agreement: str, event: dict[str, Any], decided: Audit | int) -> Owed:
        generation, at_ms = self._newest, decided
        if isinstance(decided, Audit):
            generation, at_ms = self.run.generations[decided.said["generation"]], decided.said["decided_at_ms"]
        return self._oracle.owed(generation, agreement, event, at_ms)

    def _count(self, agreement: str, place: Place, owed: Owed, visible: int) -> None:
        if owed.word == RELEASED and not visible:
            self.findings.add("missing", f"{spot(place)} for {agreement}")
        if visible > 1:
            self.findings.add("duplicates", f"{spot(place)} for {agreement}", visible - 1)

    def _release(self, agreement: str, place: Place, one: Release, owed: Owed, event: dict[str, Any]) -> None:
        """A record is as the oracle wants it under the generation that its own transaction names."""
        trees = [owed.tree] if one.visible else self._permitted(agreement, place, one, owed, event)
        if not any(tree is not None and agrees(tree, one.record) for tree in trees):
            self.findings.add("forbidden", f"{spot(place)} for {agreement}, {one.entry.attempt.outcome}")

    def _permitted(
        self, agreement: str, place: Place, one: Release, owed: Owed, event: dict[str, Any]
    ) -> Iterable[Any]:
        """Return what an attempt may hold: where its audit record never reached Kafka, what any generation permits."""
        if len(self.run.generations) == 1:
            return [owed.tree]
        named = [audit for audit in self._attempts[producer_of(one.entry)] if audit.names(agreement, place)]
        if named:
            return [self._owed(agreement, event, audit).tree for audit in named]
        return [
            self._oracle.owed(each, agreement, event, one.entry.at_ms).tree for each in self.run.generations.values()
        ]

    def _noise(self, agreement: str, place: Place, releases: Iterable[Release]) -> None:
        drawn: dict[str, set[Any]] = defaultdict(set)
        for one in releases:
            for path in self._noised[agreement]:
                drawn[path].add(repr(at(one.record, path)))
        if any(len(values) > 1 for values in drawn.values()):
            self.findings.add("redrawn", f"{spot(place)} for {agreement}")

    def _told(self, agreement: str, place: Place, owed: Owed) -> None:
        """Its data subject is told once what became of it in the end."""
        told = [one.decisions[agreement] for one in self.evidence.told.get(place, ()) if agreement in one.decisions]
        final = [word for word in told if word != PARKED]
        where = f"disclosure of {spot(place)} for {agreement}"
        if not final:
            self.findings.add("missing", where)
        elif len(final) > 1:
            self.findings.add("duplicates", where, len(final) - 1)
        elif final[0] != owed.word:
            self.findings.add("forbidden", where)

    def _poison(self, place: Place) -> None:
        found = self.evidence.quarantined.get(place, [])
        reasons = [dict(one.headers).get("penstock.reason") for one in found]
        if len(found) != 1 or not reasons[0]:
            self.findings.add("unquarantined", f"{spot(place)}: {len(found)} times")

    # --- across inputs ---

    def _order(self, agreement: str) -> None:
        """In each partition, what readers see first of each input comes in the order of the inputs."""
        firsts: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for (partition, offset), releases in self.evidence.releases[agreement].items():
            visible = [one.entry.offset for one in releases if one.visible]
            if visible and self.owed[agreement][partition, offset] == RELEASED:
                firsts[partition].append((min(visible), offset))
        for partition, pairs in firsts.items():
            last = -1
            for _, offset in sorted(pairs):
                if offset < last:
                    self.findings.add("reordered", f"{spot((partition, offset))} for {agreement}")
                last = max(last, offset)

    def _strays(self) -> None:
        """What is told of or put in quarantine came in."""
        for place in self.evidence.told.keys() | self.evidence.quarantined.keys():
            one = self.evidence.inputs.get(place[0], {}).get(place[1])
            if one is None or (one.event is None) == (place in self.evidence.told):
                self.findings.add("forbidden", f"{spot(place)}: told of or in quarantine, and should not")


def noised_paths(agreement: Any) -> list[str]:
    return [path for path, safeguard in agreement["fields"].items() if safeguard["do"] == "noise"]
