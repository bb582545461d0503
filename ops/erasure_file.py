"""A case as people and machines read it: the case file."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ..processors.erasure_case import Case, Notified
from ..processors.erasure_notice import receipt
from ..schemas.erasure import CaseStep


def row(case: Case, at_ms: int) -> Mapping[str, Any]:
    """Return one line about a case."""
    return {
        "case": case.id,
        "state": "on hold" if case.hold else case.state,
        "requested": _when(case.steps[0].at_ms),
        "recipients": len(case.recipients),
        "missing": ", ".join(case.missing),
        "overdue": ", ".join(case.overdue(at_ms)),
    }


def case_file(case: Case, at_ms: int) -> Mapping[str, Any]:
    """Return all that there is of a case. The data subject is named by keyed references only."""
    return {
        "case": case.id,
        "state": case.state,
        "hold": case.hold,
        "subjects": list(case.subjects),
        "steps": [_step(one) for one in case.steps],
        "recipients": [_recipient(one, told, at_ms) for one, told in sorted(case.recipients.items())],
    }


def _step(step: CaseStep) -> Mapping[str, Any]:
    said: dict[str, Any] = {"step": step.kind, "when": _when(step.at_ms), "by": step.by}
    for name in ("ground", "outcome", "recipient"):
        if getattr(step, name):
            said[name] = getattr(step, name)
    if step.kind == "destroyed":
        workers = {"acknowledged": list(step.acknowledged), "fenced": list(step.fenced)}
        said |= {"agreements": list(step.agreements), "domains": list(step.domains), "workers": workers}
    return said


def _recipient(member: str, told: Notified, at_ms: int) -> Mapping[str, Any]:
    said = {"recipient": member, "notice": told.digest, "due": _when(told.due_ms)}
    if told.receipt is None:
        return {**said, "state": "overdue" if told.is_overdue(at_ms) else "waiting"}
    return {**said, "state": told.receipt.outcome, "receipt": signed_receipt(told.receipt)}


def signed_receipt(step: CaseStep) -> Mapping[str, Any]:
    """Return a recipient's receipt as it was signed."""
    said = receipt(
        case=step.case,
        recipient=step.by,
        answers=step.digest,
        outcome=step.outcome,
        ground=step.ground,
        at_ms=step.at_ms,
    )
    return {"said": said, "member": step.by, "key": step.key, "signature": step.signature}


def _when(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
