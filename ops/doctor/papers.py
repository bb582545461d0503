"""The documents: fit, signed, not about to expire, and the same as what is in force."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ...schemas.charter import Member
from ...schemas.generation import Generation
from ...schemas.safeguard import Encrypt
from ..checking import examine_all
from ..documents.check import errors
from ..documents.load import load
from ..putting import plan_of, unsigned_agreements
from .result import Result, Verdict, well

SOON = timedelta(days=14)


def fitness(directory: Path) -> Iterator[Result]:
    """Say whether `apply` would take the documents."""
    report = examine_all(directory)
    wrong, failed = errors(list(report.findings)), [one for one in report.scenarios if not one.passed]
    if report.fit:
        yield well("documents", f"{len(report.scenarios)} scenarios pass, no errors")
    else:
        said = f"{len(wrong)} errors, {len(failed)} scenarios fail"
        yield Result("documents", Verdict.ILL, said, f"penstock check {directory}")


def signatures(directory: Path) -> Iterator[Result]:
    """Say which agreements are not signed by both sides."""
    lacking = unsigned_agreements(load(directory))
    if not lacking:
        yield well("signatures", "every agreement is signed by both sides")
    for key, reason in sorted(lacking.items()):
        yield Result("signatures", Verdict.WARNING, f"{key}: {reason}", "penstock agreements sign")


def difference(directory: Path) -> Iterator[Result]:
    """Say whether the documents are what is in force; what Kafka lets whom do is looked at elsewhere."""
    planned = [one for one in plan_of(directory) if one.what != "access"]
    for one in planned:
        if one.kind == "over":
            yield Result("in force", Verdict.NOTE, f"{one.id} {one.message}", "")
    changes = [one for one in planned if one.kind != "over"]
    if not changes:
        yield well("in force", "the documents are what is in force")
        return
    said = f"the documents differ from what is in force in {len(changes)} points"
    yield Result(
        "in force", Verdict.NOTE, said, f"penstock plan {directory} shows them, penstock apply puts them in force"
    )


def sealing_keys(generation: Generation, now: datetime | None = None) -> Iterator[Result]:
    """Say which recipients of encrypted fields are handed no keys, or soon will not be."""
    at = now or datetime.now(UTC)
    live = [held.agreement for held in generation.agreements.values() if held.status != "terminated"]
    wanting = {one.recipient for one in live if any(isinstance(by, Encrypt) for by in one.fields.values())}
    troubled = {name: said for name in sorted(wanting) if (said := _trouble(generation.charter.member(name), at))}
    for name, said in troubled.items():
        remedy = "penstock partner key; put its public half into the charter, and apply"
        yield Result("sealing keys", Verdict.WARNING, f"{name} {said}", remedy)
    if not troubled:
        yield well("sealing keys", f"{len(wanting)} recipients of encrypted fields, each is handed keys")


def _trouble(member: Member | None, at: datetime) -> str:
    """Return what keeps, or soon will keep, keys from a member; empty if nothing does."""
    if member is None or (not member.sealing_keys and member.unsealed_keys is None):
        return "has no sealing key: it is handed no keys"
    last = max((key.valid.until for key in member.sealing_keys), default=None)
    if last is None or last - at >= SOON:
        return ""
    return f"is handed no keys from {last:%Y-%m-%d} on, when its last sealing key ends"


def validity(generation: Generation, now: datetime | None = None) -> Iterator[Result]:
    """Say which agreements release nothing, or soon will not."""
    at = now or datetime.now(UTC)
    live = [held for held in generation.agreements.values() if held.status != "terminated"]
    troubled = 0
    for held in sorted(live, key=lambda one: one.agreement.id):
        one = held.agreement
        if held.status == "suspended":
            troubled += 1
            said = f"{one.id} is suspended: its events are withheld for good"
            yield Result("agreements", Verdict.NOTE, said, "penstock agreements resume", "PenstockAgreementAllWithheld")
        if at >= one.valid.until:
            troubled += 1
            said = f"{one.id} expired on {one.valid.until:%Y-%m-%d}"
            yield Result(
                "agreements", Verdict.NOTE, said, "amend and sign it, or terminate it", "PenstockAgreementExpires"
            )
        elif one.valid.until - at < SOON:
            troubled += 1
            said = f"{one.id} expires on {one.valid.until:%Y-%m-%d}"
            remedy = "let both sides sign an amendment, and apply it"
            yield Result("agreements", Verdict.WARNING, said, remedy, "PenstockAgreementExpires")
    if not troubled:
        yield well("agreements", f"{len(live)} agreements, none suspended, expired or about to expire")
