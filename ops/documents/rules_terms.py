"""Rules for the terms of an agreement: who, why, on which basis, where, when, for how long."""

from collections.abc import Iterator
from datetime import UTC, datetime

from ...schemas.problem import Finding, did_you_mean
from ...schemas.start import start_ms
from .load import Documents
from .pages import Case, Page, page_of

CONSENT_BASES = ("#A6-1-a", "#A9-2-a")


def terms_findings(documents: Documents, at_ms: int) -> Iterator[Finding]:
    """Yield what is wrong with the terms of the agreements."""
    for name, agreement in sorted(documents.agreements.items()):
        page = page_of(documents, f"agreements/{name}")
        if agreement.dataset not in documents.contracts and f"contracts/{agreement.dataset}" not in documents.broken:
            known = documents.contracts
            yield page.error(
                ("dataset",), f"unknown dataset '{agreement.dataset}'", did_you_mean(agreement.dataset, known)
            )
        case = _Terms(documents, page, name)
        yield from case.parties()
        yield from case.purpose()
        yield from case.places()
        yield from case.validity(at_ms)
        yield from case.duties()
        yield from case.start(at_ms)


def dataset_findings(case: Case) -> Iterator[Finding]:
    """Yield what is wrong between an agreement's terms and its data contract."""
    agreement, contract = case.agreement, case.contract
    if contract.provider != agreement.provider:
        message = f"the dataset '{contract.id}' belongs to '{contract.provider}'"
        yield case.page.error(("provider",), message, "only the body that owns a dataset can agree to share it")
    if contract.major != agreement.major:
        message = f"the contract of '{contract.id}' has major version {contract.major}"
        yield case.page.error(("major",), message, f"write major: {contract.major}, and check every field")
    if agreement.consent == "required" and contract.data_subject is None:
        message = f"consent is required, and the contract of '{contract.id}' names no data subject who could give it"
        yield case.page.error(("consent",), message, "name penstock.dataSubject in the contract")


class _Terms:
    def __init__(self, documents: Documents, page: Page, name: str) -> None:
        self._charter = documents.charter
        self._agreement = documents.agreements[name]
        self._page = page

    def parties(self) -> Iterator[Finding]:
        agreement = self._agreement
        for role, member_id in (("provider", agreement.provider), ("recipient", agreement.recipient)):
            member = self._charter.member(member_id)
            if member is None:
                known = [one.id for one in self._charter.members]
                yield self._page.error((role,), f"unknown member '{member_id}'", did_you_mean(member_id, known))
            elif role not in member.roles:
                yield self._page.error((role,), f"'{member_id}' is no {role}", "give it that role in the charter")
        if agreement.provider == agreement.recipient:
            yield self._page.error(("recipient",), "provider and recipient are the same", "name the other party")

    def purpose(self) -> Iterator[Finding]:
        agreement = self._agreement
        purposes = [term.iri for term in self._charter.purposes]
        if agreement.purpose not in purposes:
            message = f"unknown purpose {agreement.purpose}: the charter does not permit it"
            yield self._page.error(("purpose",), message, did_you_mean(agreement.purpose, purposes))
        bases = [term.iri for term in self._charter.legal_bases]
        sides = (("provider", agreement.legal_basis.provider), ("recipient", agreement.legal_basis.recipient))
        for side, basis in sides:
            key = ("legal_basis", side, "basis")
            if basis.basis not in bases:
                message = f"unknown legal basis {basis.basis}: the charter does not permit it"
                yield self._page.error(key, message, did_you_mean(basis.basis, bases))
            if basis.basis.endswith(CONSENT_BASES) and agreement.consent != "required":
                message = "consent is the legal basis, and the agreement does not require it"
                yield self._page.error(key, message, "write consent: required")

    def places(self) -> Iterator[Finding]:
        agreement = self._agreement
        for position, place in enumerate(agreement.places):
            if place not in self._charter.places:
                message = f"the charter does not permit processing in {place}"
                remedy = did_you_mean(place, self._charter.places)
                yield self._page.error(("places", position), message, remedy)
        mechanism = agreement.processing.transfer_mechanism
        if mechanism is not None and mechanism not in self._charter.transfer_mechanisms:
            message = "unknown transfer mechanism: the charter does not name it"
            remedy = did_you_mean(mechanism, self._charter.transfer_mechanisms) or "add it to the charter"
            yield self._page.error(("processing", "transfer_mechanism"), message, remedy)
        elif mechanism is None and agreement.processing.place not in agreement.places:
            message = f"{agreement.processing.place} is not among the agreed places: everything is withheld (place)"
            yield self._page.warning(("processing", "place"), message, "agree on the place, or name what covers it")

    def validity(self, at_ms: int) -> Iterator[Finding]:
        valid, now = self._agreement.valid, datetime.fromtimestamp(at_ms / 1000, UTC)
        if valid.from_ >= valid.until:
            yield self._page.error(("valid", "until"), "the agreement ends before it begins", "correct from or until")
        elif now >= valid.until:
            yield self._page.warning(("valid", "until"), "the agreement has expired", "prolong it, or remove it")
        elif now < valid.from_:
            message = "the agreement is not in force yet: everything is withheld until then"
            yield self._page.note(("valid", "from"), message)

    def duties(self) -> Iterator[Finding]:
        agreement = self._agreement
        known = [one.id for one in self._charter.retention_classes]
        if agreement.retention not in known:
            message = f"unknown retention class '{agreement.retention}'"
            yield self._page.error(("retention",), message, did_you_mean(agreement.retention, known))
        told = agreement.inform_subject
        if told.when != "immediate" and told.law is None:
            message = f"the data subject is told {told.when}, and no law is named that allows it"
            yield self._page.error(("inform_subject",), message, "add law, or write when: immediate")

    def start(self, at_ms: int) -> Iterator[Finding]:
        try:
            begin_ms = start_ms(self._agreement.start)
        except ValueError:
            message = "start is none of: now, earliest, a date (2026-01-31), an instant with its time zone"
            yield self._page.error(("start",), message, "write start: earliest, or leave it out")
            return
        if begin_ms is not None and begin_ms > at_ms:
            message = "start lies in the future: it says how much of the past the agreement covers"
            yield self._page.error(("start",), message, "write when it begins under valid.from")
