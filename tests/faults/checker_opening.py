"""What only keys show: encrypted fields open to what went in, quarantine holds what was refused, and who is told.

Opened as a recipient does, with the keys of the run's store; of views every so many-th input, to save time.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from checker_accounts import spot
from checker_evidence import Evidence, Place, Release
from checker_findings import Findings
from oracle.view import at

from penstock.ops.wiring import Wiring
from penstock.processors.keys import subject_reference
from penstock.processors.open_view import OpenProgram
from penstock.processors.quarantine import open_quarantined, quarantine_scope
from penstock.schemas.errors import PenstockError

EVERY, FEW = 16, 5_000
"""Of few inputs, every one."""


class Keyring:
    """Opens what lies in a run's topics."""

    def __init__(self, evidence: Evidence, findings: Findings) -> None:
        self._evidence = evidence
        self._findings = findings
        self._run = evidence.run
        self._store = Wiring(self._run.home).key_store()
        self._programs: dict[int, OpenProgram] = {}

    def check(self) -> None:
        for agreement in self._run.agreements:
            fields = self._run.documents.agreements[agreement]["fields"]
            sealed = [path for path, safeguard in fields.items() if safeguard["do"] == "encrypt"]
            if sealed:
                self._open_all(agreement, sealed)
        for place in self._evidence.quarantined:
            if not self._kept(place):
                self._findings.add("unquarantined", f"{spot(place)}: another record is kept")
        self._addressees()

    def _open_all(self, agreement: str, paths: list[str]) -> None:
        sample = list(self._sample(agreement))
        handles = {handle for _, one in sample for handle in self._handles(one)}
        keys = self._store.open_keys(agreement, handles)
        for place, one in sample:
            if not self._opens(place, one, keys, paths):
                self._findings.add("forbidden", f"{spot(place)} for {agreement}: does not open to what went in")

    def _sample(self, agreement: str) -> Iterator[tuple[Place, Release]]:
        every = 1 if len(self._evidence.places) < FEW else EVERY
        for place, releases in self._evidence.releases[agreement].items():
            if place[1] % every == 0:
                yield from ((place, one) for one in releases if one.visible)

    def _handles(self, one: Release) -> set[bytes]:
        try:
            return self._program(one).handles(one.record)
        except PenstockError:
            return set()

    def _program(self, one: Release) -> OpenProgram:
        schema_id = int.from_bytes((one.entry.value or b"")[1:5])
        if schema_id not in self._programs:
            self._programs[schema_id] = OpenProgram(self._run.view_schemas[schema_id])
        return self._programs[schema_id]

    def _opens(self, place: Place, one: Release, keys: Mapping[bytes, bytes], paths: list[str]) -> bool:
        try:
            opened = self._program(one).open(one.record, keys)
        except PenstockError:
            return False
        event = self._evidence.inputs[place[0]][place[1]].event
        return all(at(opened, path) == at(event, path) for path in paths)

    def _kept(self, place: Place) -> bool:
        dataset = self._run.dataset
        scope = quarantine_scope(dataset)

        def key(handle: bytes) -> bytes:
            return self._store.open_keys(scope, [handle])[handle]

        one = self._evidence.inputs.get(place[0], {}).get(place[1])
        try:
            found: list[Any] = [
                open_quarantined(entry.value or b"", dataset, key)["original"]
                for entry in self._evidence.quarantined[place]
            ]
        except (PenstockError, KeyError):
            return False
        return one is not None and all(original == one.value for original in found)

    def _addressees(self) -> None:
        """Each event is told of to its own data subject."""
        secret = self._store.reference_secret()
        path = self._run.documents.contracts[self._run.dataset].data_subject or ""
        for place, one in self._evidence.everything():
            if one.event is not None:
                wanted = subject_reference(secret, str(at(one.event, path)))
                if any(told.entry.key != wanted for told in self._evidence.told.get(place, ())):
                    self._findings.add("forbidden", f"disclosure of {spot(place)}: for somebody else")
