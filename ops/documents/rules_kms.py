"""Rules for what `ecosystem.yaml` says of KEKs: members that exist, and what a file or a shared KEK means."""

from collections.abc import Iterator

from ...schemas.kms import FileKek
from ...schemas.problem import Finding, did_you_mean
from .load import Documents
from .pages import Page, page_of


def kms_findings(documents: Documents) -> Iterator[Finding]:
    """Yield members that the charter does not know, KEKs in files, and linkage domains under several KEKs."""
    page, plan = page_of(documents, "ecosystem"), documents.ecosystem.kms
    known = {member.id for member in documents.charter.members}
    for name, named in plan.members.items():
        if name not in known:
            message = f"unknown member '{name}'"
            yield page.error(("kms", "members", name), message, did_you_mean(name, known))
        if isinstance(named, FileKek):
            yield _in_a_file(page, ("kms", "members", name), name)
    if "ecosystem" in plan.model_fields_set and isinstance(plan.ecosystem, FileKek):
        yield _in_a_file(page, ("kms", "ecosystem"), "the ecosystem")
    yield from _shared_domains(documents)


def _in_a_file(page: Page, key: tuple[str, ...], whose: str) -> Finding:
    message = f"the KEK of {whose} is in a file: for development, since who reads the file reads every key"
    return page.warning(key, message, "name a KMS of kind transit (docs/keys.md)")


def _shared_domains(documents: Documents) -> Iterator[Finding]:
    page, members = page_of(documents, "charter"), documents.ecosystem.kms.members
    for position, domain in enumerate(documents.charter.linkage_domains):
        agreements = [documents.agreements[name] for name in domain.agreements if name in documents.agreements]
        owners = {one.provider if one.provider in members else "the ecosystem" for one in agreements}
        if len(owners) > 1:
            message = f"the domain's keys are under the KEKs of {', '.join(sorted(owners))}: each needs all of them"
            remedy = "an outage of one KMS parks the agreements of all: give each provider a domain of its own"
            yield page.note(("linkage_domains", position), message, remedy)
