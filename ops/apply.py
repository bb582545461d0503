"""`apply`: from documents on disk to a generation in force."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..schemas.agreement import Agreement
from ..schemas.canonical import digest
from ..schemas.charter import Charter
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
from ..schemas.model import duration_ms
from ..streams.control import ControlWriter, differs
from ..streams.registry_client import RegistryClient
from ..streams.settings import Cluster
from ..streams.topics import FOR_EVER, TopicSpec, ensure, own_topics, provider_topic, quarantine_topic, view_topic
from .documents.load import Documents


@dataclass(frozen=True, slots=True)
class Applied:
    """What `apply` did. `changed` is False when everything was in force already."""

    generation: Generation
    changed: bool
    topics: tuple[str, ...]


class Applier:
    """Puts documents in force. Every step may be repeated: what is there already is left as it is."""

    def __init__(self, cluster: Cluster, registry: RegistryClient, ecosystem: str) -> None:
        self._cluster = cluster
        self._registry = registry
        self._ecosystem = ecosystem

    def apply(
        self, documents: Documents, views: Mapping[str, Mapping[str, Any]], at_ms: int, signed: set[str]
    ) -> Applied:
        """Create topics, register schemas, and put the next generation in force if it differs from the present one."""
        topics = ensure(self._cluster, self._topics(documents))
        writer = ControlWriter(self._cluster, self._ecosystem)
        try:
            current = writer.current()
            new = self._generation(documents, views, at_ms, signed, current)
            changed = differs(new, current)
            if changed:
                writer.write(new)
            return Applied(new if changed or current is None else current, changed, tuple(topics))
        finally:
            writer.close()

    def change_status(self, agreement: str, status: Status, at_ms: int) -> Generation:
        """Put a generation in force in which one agreement's status is another."""
        from dataclasses import replace

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
            if differs(new, current):
                writer.write(new)
            return new
        finally:
            writer.close()

    def _topics(self, documents: Documents) -> list[TopicSpec]:
        specs = own_topics()
        for contract in documents.contracts.values():
            specs.append(
                provider_topic(
                    contract.topic, contract.partitions, _retention_ms(documents.charter, contract.retention)
                )
            )
            specs.append(TopicSpec(quarantine_topic(contract.id), 1, FOR_EVER))
        for agreement in documents.agreements.values():
            partitions = documents.contracts[agreement.dataset].partitions
            specs.append(
                view_topic(agreement.view_topic, partitions, _retention_ms(documents.charter, agreement.retention))
            )
        return specs

    def _generation(
        self,
        documents: Documents,
        views: Mapping[str, Mapping[str, Any]],
        at_ms: int,
        signed: set[str],
        current: Generation | None,
    ) -> Generation:
        contracts = {key: self._contract(one, current) for key, one in documents.contracts.items()}
        agreements = {
            key: self._agreement(one, views[key], current, signed=key in signed)
            for key, one in documents.agreements.items()
        }
        for key, held in (current.agreements if current else {}).items():
            # An agreement whose document is gone is not forgotten: it ends, and its audit trail keeps its name.
            if key not in agreements and held.agreement.dataset in contracts:
                agreements[key] = held.with_status("terminated")
        return Generation(
            number=current.number + 1 if current else 1,
            at_ms=at_ms,
            ecosystem=self._ecosystem,
            charter=documents.charter,
            contracts=contracts,
            agreements=agreements,
        )

    def _contract(self, contract: DataContract, current: Generation | None) -> ContractInForce:
        schema_id = self._registry.register(f"{contract.topic}-value", contract.schema)
        before = current.contracts.get(contract.id) if current else None
        writers = {**(before.writers if before else {}), schema_id: contract.schema}
        return ContractInForce(contract, digest(contract_record(contract)), writers)

    def _agreement(
        self, agreement: Agreement, view: Mapping[str, Any], current: Generation | None, *, signed: bool
    ) -> AgreementInForce:
        subject = f"{agreement.view_topic}-value"
        # A view follows its agreement, not its own past: what an amendment may change is for the parties to sign.
        self._registry.set_compatibility(subject, "NONE")
        schema_id = self._registry.register(subject, view)
        before = current.agreements.get(agreement.id) if current else None
        return AgreementInForce(
            agreement=agreement,
            digest=digest(agreement_record(agreement)),
            status=before.status if before else "in_force",
            signed=signed,
            view_topic=agreement.view_topic,
            view_schema_id=schema_id,
            view_schema=view,
        )


def _retention_ms(charter: Charter, name: str) -> int:
    found = next((one for one in charter.retention_classes if one.id == name), None)
    if found is None:
        raise ConfigurationError(f"the charter has no retention class `{name}`", remedy="penstock check DIR")
    return duration_ms(found.duration)
