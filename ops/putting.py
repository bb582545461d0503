"""`apply` and `plan` as a person asks for them: documents checked, signatures weighed, then put in force."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..processors.signing import signature_state
from ..schemas.ecosystem import NamedCluster
from ..schemas.errors import DocumentError, RefusedError
from ..schemas.generation import agreement_record, contract_record
from ..schemas.problem import ProblemsError
from ..schemas.view_label import view_schema_of
from .apply import Applied, Wanted
from .checking import examine_all
from .clock import now_ms
from .documents.check import errors
from .documents.load import Documents, load
from .documents.plan import Change, InForce, plan
from .documents.plan_access import access_changes
from .in_force import generation_or_none
from .wiring import Wiring


@dataclass(frozen=True, slots=True)
class PutInForce:
    """What `apply` did, to be told."""

    applied: Applied
    unsigned: tuple[str, ...]

    def row(self) -> Mapping[str, Any]:
        return {
            "generation": self.applied.generation.number,
            "changed": self.applied.changed,
            "topics_created": list(self.applied.topics),
            "access_mended": self.applied.mended,
            "unsigned": list(self.unsigned),
            "workers": self.applied.settled.row(),
        }

    def sentence(self) -> str:
        number = self.applied.generation.number
        if self.applied.mended:
            return f"generation {number} says the same; users and rules on Kafka are as it wants them again"
        if not self.applied.changed:
            return f"nothing to do: generation {number} says the same"
        mark = f" (UNSIGNED: {', '.join(self.unsigned)})" if self.unsigned else ""
        return f"generation {number} is in force: {len(self.applied.generation.agreements)} agreements{mark}"


def fit_documents(directory: Path) -> Documents:
    """Return documents that passed `check`, scenarios included. Raises DocumentError with everything that is wrong."""
    report = examine_all(directory)
    if not report.fit:
        wrong = errors(list(report.findings))
        if wrong:
            raise ProblemsError(wrong)
        names = ", ".join(one.name for one in report.scenarios if not one.passed)
        raise DocumentError(f"scenarios fail: {names}", place=str(directory), remedy="penstock check shows how")
    return load(directory)


def put_in_force(directory: Path, *, unsigned: bool, checked: Documents | None = None) -> PutInForce:
    """Check the documents (unless they are `checked`), weigh the signatures, put what they say in force.

    Raises DocumentError, RefusedError (signatures), UnavailableError (Kafka or registry do not answer).
    """
    documents = checked or fit_documents(directory)
    lacking = refuse_unsigned(documents, unsigned=unsigned)
    views = {
        key: view_schema_of(documents.contracts[agreement.dataset], agreement)
        for key, agreement in documents.agreements.items()
    }
    signed = frozenset(documents.agreements) - frozenset(lacking)
    applied = Wiring(directory).applier().apply(Wanted(documents, views, now_ms(), signed))
    return PutInForce(applied, tuple(sorted(lacking)))


def unsigned_agreements(documents: Documents) -> dict[str, str]:
    """Return, by agreement, why it does not count as signed by both parties."""
    found = {}
    for key, agreement in documents.agreements.items():
        state = signature_state(agreement, documents.signatures.get(key), documents.charter)
        if not state.signed:
            found[key] = state.reason or state.state
    return found


def refuse_unsigned(documents: Documents, *, unsigned: bool) -> dict[str, str]:
    """Return why agreements do not count as signed, where that is accepted. Raises RefusedError where it is not."""
    lacking = unsigned_agreements(documents)
    if not lacking:
        return lacking
    said = "; ".join(f"{key}: {reason}" for key, reason in sorted(lacking.items()))
    if isinstance(documents.ecosystem.cluster, NamedCluster):
        raise RefusedError(f"not signed by both parties: {said}", remedy="penstock agreements sign")
    if not unsigned:
        raise RefusedError(
            f"not signed by both parties: {said}",
            remedy="penstock agreements sign, or --unsigned for a trial on the embedded broker",
        )
    return lacking


def plan_of(directory: Path) -> list[Change]:
    """Return what `apply` would change of what is in force, and of users and rules on Kafka."""
    documents = load(directory)
    wiring = Wiring(directory)
    generation = generation_or_none(wiring)
    if generation is None:
        return plan(InForce({}, {}, None), documents)
    keeper = wiring.access()
    drifted = access_changes(keeper.drift(generation, now_ms())) if keeper else []
    live = {key: held for key, held in generation.agreements.items() if held.status != "terminated"}
    held = InForce(
        {key: agreement_record(one.agreement) for key, one in live.items()},
        {key: contract_record(one.contract) for key, one in generation.contracts.items()},
        generation.charter.model_dump(mode="json", by_alias=True),
        over=frozenset(generation.agreements) - frozenset(live),
    )
    return [*plan(held, documents), *drifted]
