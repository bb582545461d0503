"""A generation: everything in force at one moment, numbered, as one record of the control topic.

A worker acts on whole generations only. `to_record` and `from_record` are the wire form (see docs/wire.md); documents
are carried whole, so that a worker needs neither files nor registry to act.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from .agreement import Agreement
from .canonical import digest
from .charter import Charter, charter_record
from .contract import Classification, ContractField, DataContract, PersonalData
from .contract_quality import quality_from, quality_record
from .versioned import as_whole

KIND = "generation"
_LATER_KEYS = frozenset(("duplicate_window", "quality", "quality_flags", "drops_unknown"))
Status = Literal["in_force", "suspended", "terminated"]


@dataclass(frozen=True, slots=True)
class ContractInForce:
    """A data contract and the writer schemas that `apply` brought, by registry id."""

    contract: DataContract
    digest: str
    writers: Mapping[int, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class AgreementInForce:
    """An agreement, its state, and its view: where it goes and under which schema.

    `start`: by partition of its provider topic, the first offset that is owed to it; empty: what came once it was in
    force. `lane`: the lane that serves it, given once.
    """

    agreement: Agreement
    digest: str
    status: Status
    signed: bool
    view_topic: str
    view_schema_id: int
    view_schema: Mapping[str, Any]
    start: Mapping[int, int] = field(default_factory=dict)
    lane: int = 0

    def with_status(self, status: Status) -> "AgreementInForce":
        return replace(self, status=status)


@dataclass(frozen=True, slots=True)
class Generation:
    """Everything in force. `number` grows by one with each `apply` that changes something.

    `store`: how far the store had come when this was written (0: nobody said); one that says less is an older copy.
    """

    number: int
    at_ms: int
    ecosystem: str
    charter: Charter
    contracts: Mapping[str, ContractInForce]
    agreements: Mapping[str, AgreementInForce]
    store: int = 0

    @property
    def signed(self) -> bool:
        return all(held.signed for held in self.agreements.values())

    def of_dataset(self, dataset: str) -> list[AgreementInForce]:
        """Return the agreements on a dataset in the order of their ids."""
        held = (self.agreements[key] for key in sorted(self.agreements))
        return [one for one in held if one.agreement.dataset == dataset]

    def domain(self, agreement_id: str) -> str:
        """Return the linkage domain of an agreement: the charter's, else the agreement itself."""
        for domain in self.charter.linkage_domains:
            if agreement_id in domain.agreements:
                return domain.id
        return agreement_id


def contract_record(contract: DataContract) -> dict[str, Any]:
    """Return a data contract as plain JSON. Keys that came later are left out while they say nothing."""
    record = asdict(contract)
    record["fields"] = {path: asdict(field) for path, field in sorted(contract.fields.items())}
    record["quality"] = [quality_record(one) for one in contract.quality]
    return {key: value for key, value in record.items() if value or key not in _LATER_KEYS}


def contract_from(record: Mapping[str, Any]) -> DataContract:
    """Return the data contract of `contract_record`."""
    fields = {
        path: ContractField(
            path=one["path"],
            classification=Classification(one["classification"]),
            personal=PersonalData(one["personal"]),
            subject=one["subject"],
        )
        for path, one in record["fields"].items()
    }
    return DataContract(**{**record, "fields": fields, "quality": quality_from(record.get("quality", ()))})


def agreement_record(agreement: Agreement) -> dict[str, Any]:
    """Return an agreement as plain JSON: what is signed, digested and put in force.

    Keys that say nothing (null) are left out, so that an optional key of a later version breaks no signature.
    """
    return agreement.model_dump(mode="json", by_alias=True, exclude_none=True)


def to_record(generation: Generation) -> dict[str, Any]:
    """Return the control record of a generation as plain JSON."""
    return {
        "kind": KIND,
        "generation": generation.number,
        "at_ms": generation.at_ms,
        "ecosystem": generation.ecosystem,
        "charter": charter_record(generation.charter),
        "contracts": {
            key: {
                "contract": contract_record(held.contract),
                "digest": held.digest,
                "writers": {str(schema_id): dict(schema) for schema_id, schema in held.writers.items()},
            }
            for key, held in generation.contracts.items()
        },
        "agreements": {
            key: {
                "agreement": agreement_record(held.agreement),
                "digest": held.digest,
                "status": held.status,
                "signed": held.signed,
                "view": {
                    "topic": held.view_topic,
                    "schema_id": held.view_schema_id,
                    "schema": dict(held.view_schema),
                },
                **_place_record(held),
            }
            for key, held in generation.agreements.items()
        },
        **({"store": generation.store} if generation.store else {}),
    }


def _place_record(held: AgreementInForce) -> dict[str, Any]:
    """Return where an agreement starts and is served. Both came later: what says nothing is left out."""
    start = {str(partition): offset for partition, offset in sorted(held.start.items())}
    return {key: value for key, value in {"start": start, "lane": held.lane}.items() if value}


def from_record(record: Mapping[str, Any]) -> Generation:
    """Return the generation of a control record.

    Raises KeyError, TypeError, AttributeError or ValueError for a malformed one, and for one of another kind.
    """
    if record["kind"] != KIND:
        raise ValueError("not a generation")
    return Generation(
        number=as_whole(record["generation"]),
        at_ms=as_whole(record["at_ms"]),
        ecosystem=record["ecosystem"],
        charter=Charter.model_validate(record["charter"]),
        contracts={key: _contract(one) for key, one in record["contracts"].items()},
        agreements={key: _agreement(one) for key, one in record["agreements"].items()},
        store=as_whole(record.get("store", 0)),
    )


def content_digest(generation: Generation) -> str:
    """Return the digest of what a generation says, without number, time and store: equal means nothing to apply."""
    record = to_record(generation)
    return digest({key: value for key, value in record.items() if key not in {"generation", "at_ms", "store"}})


def _contract(record: Mapping[str, Any]) -> ContractInForce:
    writers = {int(schema_id): schema for schema_id, schema in record["writers"].items()}
    return ContractInForce(contract_from(record["contract"]), record["digest"], writers)


def _agreement(record: Mapping[str, Any]) -> AgreementInForce:
    view = record["view"]
    return AgreementInForce(
        agreement=Agreement.model_validate(record["agreement"]),
        digest=record["digest"],
        status=record["status"],
        signed=record["signed"] is True,
        view_topic=view["topic"],
        view_schema_id=as_whole(view["schema_id"]),
        view_schema=view["schema"],
        start={int(partition): as_whole(offset) for partition, offset in record.get("start", {}).items()},
        lane=as_whole(record.get("lane", 0)),
    )
