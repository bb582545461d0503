"""May this event go under this agreement, and what does the recipient then see?"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

from . import cel
from .documents import Contract, Documents, resolved
from .view import KeyUnavailableError, at, expected

_read: dict[Path, Documents] = {}


class Withheld(NamedTuple):
    """Nothing goes, for this reason. Equal to the pair ("withheld", reason)."""

    outcome: str
    reason: str


def decide(  # noqa: PLR0917 - everything that a decision follows from
    documents_dir: Path | Documents,
    agreement_id: str,
    event: Mapping[str, Any],
    at_ms: int,
    consents: set[tuple[str, str]],
    statuses: Mapping[str, str] | None = None,
) -> tuple[str, Any]:
    """Return ("released", what each field must be) or ("withheld", reason).

    `consents` holds (agreement, subject) of those who have agreed and not withdrawn; `statuses` what `apply` put
    agreements to, in_force where it says nothing.
    """
    documents = documents_dir if isinstance(documents_dir, Documents) else documents_in(documents_dir)
    agreement = documents.agreements.get(agreement_id)
    if agreement is None:
        return Withheld("withheld", "not_in_force")
    contract = documents.contracts[agreement["dataset"]]
    reason = why_not(documents.charter, agreement, contract, event, at_ms, consents, (statuses or {}).get(agreement_id))
    if reason is not None:
        return Withheld("withheld", reason)
    try:
        return "released", expected(contract, agreement, event)
    except KeyUnavailableError:
        return Withheld("withheld", "key_unavailable")


def documents_in(directory: Path) -> Documents:
    if directory not in _read:
        _read[directory] = Documents(directory)
    return _read[directory]


def why_not(  # noqa: C901, PLR0911, PLR0917 - one line a reason, in the order in which they count
    charter: Any,
    agreement: Any,
    contract: Contract,
    event: Mapping[str, Any],
    at_ms: int,
    consents: set[tuple[str, str]],
    status: str | None,
) -> str | None:
    if status == "suspended":
        return "suspended"
    if status not in {None, "in_force"}:
        return "not_in_force"
    if at_ms < milliseconds(agreement["valid"]["from"]):
        return "not_yet_valid"
    if at_ms >= milliseconds(agreement["valid"]["until"]):
        return "expired"
    if agreement["purpose"] not in [term["iri"] for term in charter["purposes"]]:
        return "purpose"
    permitted = [term["iri"] for term in charter["legal_bases"]]
    for side in ("provider", "recipient"):
        if agreement["legal_basis"][side]["basis"] not in permitted:
            return "legal_basis"
    if not place_is_covered(charter, agreement):
        return "place"
    if agreement["consent"] != "not-required" and not consented(agreement, contract, event, consents):
        return "consent"
    if agreement.get("predicate") is None:
        return None
    try:
        covered = cel.evaluate(agreement["predicate"], for_cel(event, contract.schema, "", contract))
    except cel.Error:
        return "predicate_error"
    return None if covered else "predicate"


def milliseconds(text: str) -> Fraction:
    moment = datetime.fromisoformat(text)
    return Fraction(moment.timestamp()).limit_denominator(10**6) * 1000


def place_is_covered(charter: Any, agreement: Any) -> bool:
    processing = agreement["processing"]
    if processing["place"] in agreement["places"] and processing["place"] in charter["places"]:
        return True
    return processing.get("transfer_mechanism") in charter.get("transfer_mechanisms", [])


def consented(agreement: Any, contract: Contract, event: Any, consents: set[tuple[str, str]]) -> bool:
    if contract.data_subject is None:
        return False
    subject = at(event, contract.data_subject)
    return subject not in {None, ""} and (agreement["id"], str(subject)) in consents


def for_cel(value: Any, schema: Any, space: str, contract: Contract) -> Any:
    """Return a value as the predicate sees it: records marked as such, points in time knowing their unit."""
    kind = resolved(schema, space, contract.types)
    if isinstance(kind, list):
        return for_cel_union(value, kind, space, contract)
    if kind["type"] == "record":
        return cel.Record(
            (field["name"], for_cel(value[field["name"]], field["type"], field["space"], contract))
            for field in kind["fields"]
        )
    if kind["type"] == "array":
        return [for_cel(item, kind["items"], kind["space"], contract) for item in value]
    if kind["type"] == "map":
        return {key: for_cel(item, kind["values"], kind["space"], contract) for key, item in value.items()}
    ns = cel.NS.get(kind.get("logicalType", ""))
    return value if ns is None else cel.Moment(value, ns)


def for_cel_union(value: Any, branches: list[Any], space: str, contract: Contract) -> Any:
    """A value whose Python type does not tell its branch comes as the pair (branch, value)."""
    if isinstance(value, tuple):
        label, value = value
        (branch,) = [branch for branch in branches if label_of(branch, space, contract) == label]
        return for_cel(value, branch, space, contract)
    (branch,) = [branch for branch in branches if python_type(resolved(branch, space, contract.types)) is type(value)]
    return for_cel(value, branch, space, contract)


def label_of(branch: Any, space: str, contract: Contract) -> str:
    kind = resolved(branch, space, contract.types)
    return str(kind.get("full", kind["type"]))


def python_type(kind: Any) -> type:
    names = {
        "null": type(None), "boolean": bool, "int": int, "long": int, "float": float, "double": float, "bytes": bytes,
        "fixed": bytes, "string": str, "enum": str, "array": list, "map": dict, "record": dict,
    }  # fmt: skip
    return names[kind["type"]]


def summary(
    documents_dir: Path | Documents,
    events: Iterable[tuple[str, Mapping[str, Any]]],
    at_ms: int,
    consents: set[tuple[str, str]],
    statuses: Mapping[str, str] | None = None,
) -> dict[str, Counter[str]]:
    """Return how many of (dataset, event) each agreement releases ("released") and withholds, by reason."""
    documents = documents_dir if isinstance(documents_dir, Documents) else documents_in(documents_dir)
    counts: dict[str, Counter[str]] = {agreement: Counter() for agreement in documents.agreements}
    for dataset, event in events:
        for agreement_id, agreement in documents.agreements.items():
            if agreement["dataset"] == dataset:
                outcome, what = decide(documents, agreement_id, event, at_ms, consents, statuses)
                counts[agreement_id][what if outcome == "withheld" else "released"] += 1
    return counts
