"""`check`: every rule over the documents of an ecosystem, every finding at once."""

from collections.abc import Iterator
from pathlib import Path

from ...processors.view import compile_view
from ...schemas.errors import DocumentError
from ...schemas.problem import Finding, Level, in_order
from ...schemas.view_label import view_schema_of
from .load import Documents, read
from .pages import Case, cases
from .rules_charter import charter_findings
from .rules_contracts import contract_findings
from .rules_edges import connector_findings, scenario_findings, signature_findings
from .rules_fields import coverage_findings, fit_findings
from .rules_keys import hand_out_findings, sealing_key_findings
from .rules_kms import kms_findings
from .rules_notes import note_findings
from .rules_safeguards import number_findings, predicate_findings, role_findings
from .rules_terms import dataset_findings, terms_findings


def check(documents: Documents, at_ms: int) -> list[Finding]:
    """Return what is wrong, doubtful or worth knowing, by file and line. `at_ms` decides what has expired."""
    found = [
        *documents.notices,
        *charter_findings(documents),
        *sealing_key_findings(documents, at_ms),
        *contract_findings(documents),
        *terms_findings(documents, at_ms),
        *kms_findings(documents),
        *connector_findings(documents),
        *scenario_findings(documents),
        *signature_findings(documents),
    ]
    for case in cases(documents, at_ms):
        found += _case_findings(case)
    return sorted(found, key=lambda finding: (finding.file, finding.line))


def examine(directory: Path, at_ms: int) -> tuple[Documents | None, list[Finding]]:
    """Return the documents, None when they cannot be used, and everything found, unreadable documents included.

    What could be read is checked even if other documents could not, so that one run shows all there is to mend.
    """
    documents, problems = read(directory)
    found = [Finding(one.file, one.line, one.key, one.message, one.remedy) for one in in_order(problems)]
    if documents is not None:
        found += check(documents, at_ms)
    found.sort(key=lambda finding: (finding.file, finding.line))
    return (None if problems else documents), found


def errors(findings: list[Finding]) -> list[Finding]:
    """Return those findings that stop `apply`."""
    return [finding for finding in findings if finding.level is Level.ERROR]


def _case_findings(case: Case) -> Iterator[Finding]:
    found = [
        *dataset_findings(case),
        *coverage_findings(case),
        *fit_findings(case),
        *number_findings(case),
        *role_findings(case),
        *predicate_findings(case),
        *hand_out_findings(case),
    ]
    yield from found
    yield from note_findings(case)
    if not errors(found):
        yield from _unusable(case)


def _unusable(case: Case) -> Iterator[Finding]:
    """Yield why a worker would refuse documents that no rule objects to: then a rule is missing, and nothing flows."""
    try:
        compile_view(case.contract, case.contract.schema, case.agreement, view_schema_of(case.contract, case.agreement))
    except DocumentError as failure:
        key = ("fields", failure.place) if failure.place in case.agreement.fields else ("fields",)
        yield case.page.error(key, failure.message, failure.remedy)
