"""`apply`: from documents on disk to a generation in force."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..schemas.agreement import Agreement
from ..schemas.canonical import digest
from ..schemas.contract import DataContract
from ..schemas.errors import ConfigurationError, RefusedError
from ..schemas.generation import (
    AgreementInForce,
    ContractInForce,
    Generation,
    Status,
    agreement_record,
    contract_record,
)
from ..streams.control import ControlWriter, differs
from ..streams.registry_client import RegistryClient
from ..streams.settings import Cluster
from ..streams.topics import ensure, own_topics
from .documents.load import Documents
from .topic_plan import Views, topic_specs, view_topics


@dataclass(frozen=True, slots=True)
class Applied:
    """What `apply` did. `changed` is False when everything was in force already; `topics` were created."""

    generation: Generation
    changed: bool
    topics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Documents to be put in force: view schemas by agreement, when, and which agreements both parties signed."""

    documents: Documents
    views: Views
    at_ms: int
    signed: frozenset[str]


class Applier:
    """Puts documents in force. Every step may be repeated: what is there already is left as it is."""

    def __init__(self, cluster: Cluster, registry: RegistryClient, ecosystem: str) -> None:
        self._cluster = cluster
        self._registry = registry
        self._ecosystem = ecosystem

    def apply(self, wanted: Wanted) -> Applied:
        """Create topics, register schemas, and put the next generation in force if it differs from the present one."""
        created = ensure(self._cluster, own_topics())
        writer = ControlWriter(self._cluster, self._ecosystem)
        try:
            current = writer.current()
            topics = view_topics(wanted.documents, wanted.views, current)
            created += ensure(self._cluster, topic_specs(wanted.documents, topics))
            new = self._generation(wanted, topics, current)
            if not differs(new, current) and current is not None:
                return Applied(current, changed=False, topics=tuple(created))
            writer.write(new)
            return Applied(new, changed=True, topics=tuple(created))
        finally:
            writer.close()

    def change_status(self, agreement: str, status: Status, at_ms: int) -> Generation:
        """Put a generation in force in which one agreement's status is another."""
        writer = ControlWriter(self._cluster, self._ecosystem)
        try:
            current = writer.current()
            if current is None or agreement not in current.agreements:
                raise ConfigurationError(f"no agreement `{agreement}` is in force", remedy="penstock agreements list")
            held = current.agreements[agreement]
            if held.status == "terminated" and status != "terminated":
                raise RefusedError(f"`{agreement}` is terminated: that is for good", remedy="sign a new agreement")
            agreements = {**current.agreements, agreement: held.with_status(status)}
            new = replace(current, number=current.number + 1, at_ms=at_ms, agreements=agreements)
            if not differs(new, current):
                return current
            writer.write(new)
            return new
        finally:
            writer.close()

    def _generation(self, wanted: Wanted, topics: Mapping[str, str], current: Generation | None) -> Generation:
        documents = wanted.documents
        before = current.agreements if current else {}
        contracts = {key: self._contract(one, current) for key, one in documents.contracts.items()}
        agreements = {
            key: self._agreement(one, wanted, topics[key], before.get(key)) for key, one in documents.agreements.items()
        }
        for key, held in before.items():
            # An agreement whose document is gone is not forgotten: it ends, and its audit trail keeps its name.
            if key not in agreements and held.agreement.dataset in contracts:
                agreements[key] = held.with_status("terminated")
        return Generation(
            number=current.number + 1 if current else 1,
            at_ms=wanted.at_ms,
            ecosystem=self._ecosystem,
            charter=documents.charter,
            contracts=contracts,
            agreements=agreements,
        )

    def _contract(self, contract: DataContract, current: Generation | None) -> ContractInForce:
        schema_id = self._registry.register(f"{contract.topic}-value", contract.schema)
        before = current.contracts.get(contract.id) if current else None
        writers: dict[int, Mapping[str, Any]] = {**(before.writers if before else {}), schema_id: contract.schema}
        return ContractInForce(contract, digest(contract_record(contract)), writers)

    def _agreement(
        self, agreement: Agreement, wanted: Wanted, topic: str, before: AgreementInForce | None
    ) -> AgreementInForce:
        # A view follows its agreement, not its own past: what an amendment may change is for the parties to sign.
        self._registry.set_compatibility(f"{topic}-value", "NONE")
        view = wanted.views[agreement.id]
        return AgreementInForce(
            agreement=agreement,
            digest=digest(agreement_record(agreement)),
            status=before.status if before else "in_force",
            signed=agreement.id in wanted.signed,
            view_topic=topic,
            view_schema_id=self._registry.register(f"{topic}-value", view),
            view_schema=view,
        )
