"""`apply`: from documents on disk to a generation in force."""

import contextlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from ..processors.concerned import datasets_concerned
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
from ..streams.settling import NOBODY, Change, Settled, Settling, Tell
from ..streams.topics import ensure, own_topics
from .access.keeper import AccessKeeper
from .documents.load import Documents
from .places import Place, Places
from .store.progress import GENERATION, Progress
from .topic_plan import Views, topic_specs, view_topics


@dataclass(frozen=True, slots=True)
class Applied:
    """What `apply` did. `changed` is False when everything was in force already; `topics` were created.

    `mended`: users or rules on Kafka were others than what is in force wants. `settled`: who acts on it.
    """

    generation: Generation
    changed: bool
    topics: tuple[str, ...]
    mended: bool = False
    settled: Settled = NOBODY


@dataclass(frozen=True, slots=True)
class Wanted:
    """Documents to be put in force: view schemas by agreement, when, and which agreements both parties signed."""

    documents: Documents
    views: Views
    at_ms: int
    signed: frozenset[str]


class Applier:
    """Puts documents in force. Every step may be repeated: what is there already is left as it is."""

    def __init__(  # noqa: PLR0913, PLR0917 - its collaborators
        self,
        cluster: Cluster,
        registry: RegistryClient,
        ecosystem: str,
        access: AccessKeeper | None = None,
        tell: Tell | None = None,
        progress: Progress | None = None,
    ) -> None:
        """`access` keeps the cluster's users and rules; None where they are not ours.

        `tell` hears which slots are waited for, should that take over a second. `progress` is the store's, counted on
        with each generation, so that an older copy of it is known.
        """
        self._progress = progress
        self._cluster = cluster
        self._registry = registry
        self._ecosystem = ecosystem
        self._access = access
        self._tell = tell

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
                mended = self._access.settle(current, writer.current, wanted.at_ms) if self._access else None
                return Applied(current, changed=False, topics=tuple(created), mended=bool(mended))
            settled = self._put(writer, new, current)
            return Applied(new, changed=True, topics=tuple(created), settled=settled)
        finally:
            writer.close()

    def _put(self, writer: ControlWriter, new: Generation, current: Generation | None) -> Settled:
        """Write as `_write` does, between two notes by which an older copy of the store or of Kafka is known."""
        if self._progress is None:
            return self._write(writer, new, current)
        settled = self._write(writer, replace(new, store=self._progress.step()), current)
        self._progress.saw(GENERATION, new.number)
        return settled

    def _write(self, writer: ControlWriter, new: Generation, current: Generation | None) -> Settled:
        """Put a generation in force between what it gives on Kafka and what it takes there.

        Returns when every slot that it concerns acts on it.
        """
        concerned = Change(datasets_concerned(current, new), new.number)
        with self._seen_through() as seen:
            if self._access is None:
                writer.write(new)
                return seen.settle(concerned, self._tell)
            self._access.grant(new, new.at_ms)  # its connection is the one that takes, so that taking waits for none
            over = self._access.over(current, new, new.at_ms)
            writer.write(new)
            with ThreadPoolExecutor(1) as beside:
                settled = beside.submit(seen.settle, concerned, self._tell)
                self._access.take(over)
                self._access.settle(new, writer.current, new.at_ms)
                return settled.result()

    def _again(self, current: Generation, dataset: str, writer: ControlWriter, at_ms: int) -> Settled:
        """See through what is in force: the command before may have ended between its record and what follows it."""
        if self._access:
            self._access.settle(current, writer.current, at_ms)
        with self._seen_through() as seen:
            return seen.settle(Change(frozenset((dataset,)), current.number), self._tell)

    def _seen_through(self) -> "contextlib.closing[Settling]":
        return contextlib.closing(Settling(self._cluster))

    def change_status(self, agreement: str, status: Status, at_ms: int) -> Applied:
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
                again = self._again(current, held.agreement.dataset, writer, at_ms)
                return Applied(current, changed=False, topics=(), settled=again)
            return Applied(new, changed=True, topics=(), settled=self._put(writer, new, current))
        finally:
            writer.close()

    def _generation(self, wanted: Wanted, topics: Mapping[str, str], current: Generation | None) -> Generation:
        documents = wanted.documents
        before = current.agreements if current else {}
        contracts = {key: self._contract(one, current) for key, one in documents.contracts.items()}
        places = Places(self._cluster, self._ecosystem, documents, current)
        agreements = {
            key: _at(places.of(one), self._agreement(one, wanted, topics[key], before.get(key)))
            for key, one in documents.agreements.items()
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


def _at(place: Place, held: AgreementInForce) -> AgreementInForce:
    return replace(held, start=place.start, lane=place.lane)
