"""Rules for data contracts: what the charter must know, and whose the personal fields are."""

from collections.abc import Iterator

from ...schemas.contract import Classification, DataContract, PersonalData
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
