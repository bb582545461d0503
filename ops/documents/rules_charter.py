"""Rules for the charter: nothing named twice, and linkage domains that mean one thing."""

from collections.abc import Iterable, Iterator

from ...schemas.problem import Finding, did_you_mean
from .load import Documents
from .pages import Page, page_of

RESERVED = frozenset(("penstock", "view", "quarantine", "contributions"))
"""What names on Kafka of ours begin with: a member's own begin with its id, and may be used by it."""


def charter_findings(documents: Documents) -> Iterator[Finding]:
    """Yield what is wrong with the charter."""
    page, charter = page_of(documents, "charter"), documents.charter
    yield from _named_twice(page, "members", "id", (member.id for member in charter.members))
    yield from _reserved(page, [member.id for member in charter.members])
    yield from _named_twice(page, "purposes", "iri", (term.iri for term in charter.purposes))
    yield from _named_twice(page, "legal_bases", "iri", (term.iri for term in charter.legal_bases))
    yield from _named_twice(page, "retention_classes", "id", (one.id for one in charter.retention_classes))
    yield from _named_twice(page, "linkage_domains", "id", (domain.id for domain in charter.linkage_domains))
    yield from _linkage_domains(documents, page)


def _named_twice(page: Page, items: str, key: str, names: Iterable[str]) -> Iterator[Finding]:
    seen: set[str] = set()
    for position, name in enumerate(names):
        if name in seen:
            yield page.error((items, position, key), f"'{name}' is named twice", "keep one of the two")
        seen.add(name)


def _reserved(page: Page, members: list[str]) -> Iterator[Finding]:
    for position, name in enumerate(members):
        if name in RESERVED:
            message = f"'{name}' is what our own topics and groups begin with"
            yield page.error(("members", position, "id"), message, "give the member another id")


def _linkage_domains(documents: Documents, page: Page) -> Iterator[Finding]:
    known = {name.removeprefix("agreements/") for name in documents.sources if name.startswith("agreements/")}
    home: dict[str, str] = {}
    for position, domain in enumerate(documents.charter.linkage_domains):
        place = ("linkage_domains", position)
        if domain.id in known and domain.id not in domain.agreements:
            message = f"the domain has the name of the agreement '{domain.id}', and would share its pseudonyms"
            yield page.error((*place, "id"), message, "give the domain another id")
        for at, name in enumerate(domain.agreements):
            key = (*place, "agreements", at)
            if name not in known:
                yield page.error(key, f"unknown agreement '{name}'", did_you_mean(name, known))
            elif name in home:
                message = f"the agreement '{name}' is in the domain '{home[name]}' already"
                yield page.error(key, message, "an agreement has one linkage domain: take it out of one")
            home.setdefault(name, domain.id)
