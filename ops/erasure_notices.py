"""Notices of erasure: who received the data subject's data, and what each of them is told, signed."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ..processors.erasure_case import Case
from ..processors.erasure_notice import notice, signed
from ..processors.signing import public_text
from ..schemas.canonical import digest
from ..schemas.erasure import CaseStep
from ..schemas.versioned import unpack
from ..streams.control import read_generation
from ..streams.reader import TopicReader
from ..streams.settings import Cluster
from ..streams.tail import Tail
from ..streams.topics import CONTROL, DISCLOSURES
from .clock import now_ms
from .documents.sign import private_key, require_charters
from .in_force import generation_in_force
from .wiring import Wiring

Marks = Mapping[str, Mapping[str, list[str]]]
"""By agreement, the pseudonyms and key handles under which it knew the data subject."""


@dataclass(frozen=True, slots=True)
class Clerk:
    """Who signs notices, for which member of the charter, and how long recipients have to answer."""

    member: str
    key_file: Path
    within_ms: int

    def require_signer(self, wiring: Wiring) -> None:
        """Raise ConfigurationError or RefusedError where notices could not be signed: before anything is destroyed."""
        charter = generation_in_force(wiring).charter
        require_charters(charter, self.member, public_text(self._key()), self.key_file)

    def _key(self) -> Ed25519PrivateKey:
        return private_key(self.key_file)

    def notify(self, wiring: Wiring, case: Case) -> list[CaseStep]:
        """Leave a notice for each recipient that has none; return the steps that say so.

        Where nobody received anything the one step says that.
        """
        papers, at_ms = wiring.papers(), now_ms()
        marks = papers.marks(case.id)
        if case.state == "closed" or (case.state == "notified" and marks is None):
            return []
        known = (marks or {"agreements": {}})["agreements"]
        steps = []
        for recipient, agreements in sorted(recipients_of(wiring.cluster(), case).items()):
            told = case.recipients.get(recipient)
            if told is not None and (told.receipt is not None or papers.notice(case.id, recipient) is not None):
                continue
            said = self._notice(wiring.ecosystem.id, case, recipient, _entries(agreements, known), at_ms)
            papers.keep_notice(case.id, recipient, signed("notice", said, self.member, self._key()))
            due_ms = at_ms + self.within_ms
            steps.append(self._step(case, at_ms, recipient=recipient, digest=digest(said), due_ms=due_ms))
        return steps or ([] if case.recipients else [self._step(case, at_ms)])

    def _notice(
        self, ecosystem: str, case: Case, recipient: str, agreements: list[dict[str, Any]], at_ms: int
    ) -> dict[str, Any]:
        return notice(
            ecosystem=ecosystem,
            case=case.id,
            recipient=recipient,
            agreements=agreements,
            at_ms=at_ms,
            due_ms=at_ms + self.within_ms,
        )

    def _step(self, case: Case, at_ms: int, **said: Any) -> CaseStep:
        return CaseStep(case.id, "noticed", at_ms, self.member, **said)


def _entries(agreements: set[str], marks: Marks) -> list[dict[str, Any]]:
    nothing: Mapping[str, list[str]] = {"pseudonyms": [], "handles": []}
    return [{"agreement": one, **marks.get(one, nothing)} for one in sorted(agreements)]


def recipients_of(cluster: Cluster, case: Case) -> Mapping[str, set[str]]:
    """Return the recipients to which something of the data subject was released, with the agreements, ever."""
    released = _released(cluster, {bytes.fromhex(one) for one in case.subjects})
    found: dict[str, set[str]] = defaultdict(set)
    for agreement, recipient in _parties(cluster):
        if agreement in released:
            found[recipient].add(agreement)
    return found


def _released(cluster: Cluster, subjects: set[bytes]) -> set[str]:
    with closing(TopicReader(cluster, DISCLOSURES)) as reader:
        decisions = [unpack(one.value)["decisions"] for one in reader.to_end() if one.key in subjects]
    return {agreement for said in decisions for agreement, decision in said.items() if decision == "released"}


def _parties(cluster: Cluster) -> Iterator[tuple[str, str]]:
    """Yield agreements and their recipients, of every generation that there ever was."""
    with closing(Tail(cluster, CONTROL)) as tail:
        for entry in tail.to_end():
            for key, held in read_generation(entry).agreements.items():
                yield key, held.agreement.recipient
