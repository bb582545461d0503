"""penstock's side of the comparison: documents to a lane, an event to what comes out of it, opened by a recipient."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from penstock.ops.documents.load import Documents, load
from penstock.processors.keys import subject_reference
from penstock.processors.lane import LaneProgram
from penstock.processors.open_view import OpenProgram
from penstock.processors.outcome import Input, Outcome
from penstock.processors.served import WorkerKeys
from penstock.schemas.codec import Codec
from penstock.schemas.confluent_wire import frame, unframe
from penstock.schemas.generation import AgreementInForce, ContractInForce, Generation
from penstock.schemas.ports import SubjectKey, SubjectWant
from penstock.schemas.view_label import view_schema_of

WRITER, FIRST_VIEW = 1, 100
SECRET = bytes(32)


def bytes_of(size: int, *parts: object) -> bytes:
    return hashlib.shake_256(repr(parts).encode()).digest(size)


@dataclass
class Store:
    """Keys that follow from who asks for whom: the same store every time, and nothing to write down."""

    given: dict[tuple[str, bytes], bytes] = field(default_factory=dict)

    def reference_secret(self) -> bytes:
        return SECRET

    def subject_keys(self, wants: Collection[SubjectWant]) -> dict[SubjectWant, SubjectKey]:
        return {want: self._subject_key(want) for want in wants}

    def _subject_key(self, want: SubjectWant) -> SubjectKey:
        key = SubjectKey(
            handle=bytes_of(8, "handle", want),
            key=bytes_of(32, "key", want),
            pseudonym=bytes_of(16, "pseudonym", want.subject, want.domain).hex(),
            rekey=bytes_of(32, "rekey", want.subject, want.domain),
        )
        self.given[want.agreement, key.handle] = key.key
        return key

    def bulk_key(self, scope: str, worker: str) -> tuple[bytes, bytes]:
        handle, key = bytes_of(8, "bulk", scope, worker), bytes_of(32, "bulk key", scope, worker)
        self.given[scope, handle] = key
        return handle, key

    def noise_secret(self, dataset: str, period: str) -> bytes:
        return bytes_of(32, "noise", dataset, period)

    def open_keys(self, agreement: str, handles: Collection[bytes]) -> dict[bytes, bytes]:
        return {handle: self.given[agreement, handle] for handle in handles if (agreement, handle) in self.given}


@dataclass
class Nonces:
    """Different bytes each time, and the same ones in every run that starts at the same count."""

    count: int = 0

    def __call__(self, size: int) -> bytes:
        self.count += 1
        return self.count.to_bytes(size, "big")


@dataclass(frozen=True)
class Released:
    """A view record as its topic has it, as decoded, and as the recipient reads it."""

    raw: bytes
    record: dict[str, Any]
    opened: dict[str, Any]


class Lane:
    """A lane over a directory of documents."""

    def __init__(self, directory: Path, statuses: Mapping[str, str] | None = None) -> None:
        self.documents: Documents = load(directory)
        self.contract = self.documents.contracts["data"]
        self.store = Store()
        self.generation = generation(self.documents, statuses or {})
        self.codec = Codec(self.contract.schema)
        self.program = LaneProgram(self.generation, "data", WorkerKeys(self.store, "worker"), self.ask)

    def ask(self, schema_id: int) -> Mapping[str, Any]:
        raise AssertionError(schema_id)

    def process(
        self, event: Mapping[str, Any], at_ms: int, consents: Collection[tuple[str, str]], nonce: int = 0
    ) -> Outcome:
        given: dict[str, set[bytes]] = {}
        for agreement, subject in consents:
            given.setdefault(agreement, set()).add(subject_reference(SECRET, subject))
        frozen = {agreement: frozenset(subjects) for agreement, subjects in given.items()}
        source = Input(0, 0, frame(WRITER, self.codec.encode(event)))
        return self.program.process([source], at_ms, frozen, Nonces(nonce))

    def decide(
        self, event: Mapping[str, Any], at_ms: int, consents: Collection[tuple[str, str]], nonce: int = 0
    ) -> dict[str, tuple[str, Any]]:
        """Return by agreement ("released", Released), ("withheld", reason) or ("refused", reason)."""
        outcome = self.process(event, at_ms, consents, nonce)
        found: dict[str, tuple[str, Any]] = {}
        by_topic = {output.topic: output.value for output in outcome.outputs}
        for name, held in self.generation.agreements.items():
            tally = outcome.tallies[name]
            if tally.released:
                found[name] = ("released", self.read(held, by_topic.pop(held.view_topic)))
            elif tally.quarantined:
                found[name] = ("refused", next(one.reason for one in outcome.refused if one.agreement == name))
            else:
                ((reason, count),) = tally.withheld.items()
                assert count == 1
                found[name] = ("withheld", reason)
        assert by_topic == {}
        assert len(outcome.refused) == sum(one[0] == "refused" for one in found.values())
        return found

    def read(self, held: AgreementInForce, data: bytes) -> Released:
        schema_id, payload = unframe(data)
        assert schema_id == held.view_schema_id
        record = Codec(held.view_schema).decode(payload)
        program = OpenProgram(held.view_schema)
        keys = self.store.open_keys(held.agreement.id, program.handles(record))
        return Released(payload, record, program.open(record, keys))


def generation(documents: Documents, statuses: Mapping[str, str]) -> Generation:
    """Return what `apply` would put in force."""
    agreements = {}
    for number, (name, agreement) in enumerate(sorted(documents.agreements.items())):
        agreements[name] = AgreementInForce(
            agreement=agreement,
            digest="",
            status=statuses.get(name, "in_force"),  # type: ignore[arg-type]
            signed=False,
            view_topic=agreement.view_topic,
            view_schema_id=FIRST_VIEW + number,
            view_schema=view_schema_of(documents.contracts[agreement.dataset], agreement),
        )
    contracts = {
        name: ContractInForce(contract, "", {WRITER: contract.schema}) for name, contract in documents.contracts.items()
    }
    return Generation(1, 0, "generated", documents.charter, contracts, agreements)
