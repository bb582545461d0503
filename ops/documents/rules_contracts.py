"""Rules for data contracts: what the charter must know, and whose the personal fields are."""

from collections.abc import Iterator

from ...schemas.contract import Classification, DataContract, PersonalData
from ...schemas.model import duration_ms
from ...schemas.problem import Finding, did_you_mean
from .load import Documents
from .pages import Page, page_of

SENSITIVE = frozenset((PersonalData.NATIONAL_ID, PersonalData.SPECIAL, PersonalData.CRIMINAL))


def contract_findings(documents: Documents) -> Iterator[Finding]:
    """Yield what is wrong with the data contracts."""
    for name, contract in sorted(documents.contracts.items()):
        page = page_of(documents, f"contracts/{name}")
        yield from _provider(documents, contract, page)
        yield from _retention(documents, contract, page)
        yield from _window(documents, contract, page)
        yield from _resent(documents, contract, page)
        yield from _quality(contract, page)
        yield from _fields(contract, page)


def _provider(documents: Documents, contract: DataContract, page: Page) -> Iterator[Finding]:
    member = documents.charter.member(contract.provider)
    key = ("penstock.provider",)
    if member is None:
        known = [one.id for one in documents.charter.members]
        yield page.error(key, f"unknown member '{contract.provider}'", did_you_mean(contract.provider, known))
    elif "provider" not in member.roles:
        yield page.error(key, f"'{member.id}' is no provider", "give it that role in the charter")


def _retention(documents: Documents, contract: DataContract, page: Page) -> Iterator[Finding]:
    known = [one.id for one in documents.charter.retention_classes]
    if contract.retention not in known:
        message = f"unknown retention class '{contract.retention}'"
        yield page.error(("penstock.retention",), message, did_you_mean(contract.retention, known))


def _window(documents: Documents, contract: DataContract, page: Page) -> Iterator[Finding]:
    kept = next((one for one in documents.charter.retention_classes if one.id == contract.retention), None)
    if contract.duplicate_window_ms and kept and contract.duplicate_window_ms > duration_ms(kept.duration):
        message = f"the window of duplicates is longer than the topic keeps records ({kept.duration})"
        remedy = "after a restart no more is known than the topic still holds: shorten the window"
        yield page.warning(("penstock.duplicateWindow",), message, remedy)


def _resent(documents: Documents, contract: DataContract, page: Page) -> Iterator[Finding]:
    sources = [one.id for one in documents.connectors.sources if one.dataset == contract.id and one.kind != "file"]
    if sources and not contract.duplicate_window:
        message = f"what {', '.join(sources)} sends again goes to quarantine"
        remedy = "state how long a resent record is known and discarded: the custom property penstock.duplicateWindow"
        yield page.warning(("customProperties",), message, remedy)


def _quality(contract: DataContract, page: Page) -> Iterator[Finding]:
    if contract.quality and not contract.quality_flags:
        message = "readings that break a quality rule are counted, and no event tells that it is one of them"
        yield page.note(("quality",), message, "name a field for flags: the custom property penstock.qualityFlags")
    if contract.quality_flags and not contract.quality:
        message = f"`{contract.quality_flags}` stays empty: the contract states no quality rule"
        yield page.note(("penstock.qualityFlags",), message, "state rules, or remove the custom property")


def _fields(contract: DataContract, page: Page) -> Iterator[Finding]:
    for path, field in contract.fields.items():
        key = ("fields", path)
        if field.personal is not PersonalData.NONE and field.subject is None:
            message = f"`{path}` is personal data, and nothing says whose"
            remedy = "add the custom property penstock.dataSubject to the contract, or penstock.subject to the field"
            yield page.error(key, message, remedy)
        if field.personal in SENSITIVE and field.classification in {Classification.PUBLIC, Classification.INTERNAL}:
            message = f"`{path}` is {field.personal} data and only {field.classification}"
            yield page.warning(key, message, "classify it confidential or restricted")
