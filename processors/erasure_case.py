"""An erasure case: what its steps come to, and which step may follow. Four eyes: who approves is not who decided."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from ..schemas.erasure import CaseStep
from ..schemas.errors import RefusedError

State = Literal["requested", "granted", "refused", "approved", "destroyed", "notified", "closed"]


@dataclass(frozen=True, slots=True)
class Notified:
    """A recipient that was told: the digest of its notice, until when it is to answer, and its receipt (None: none)."""

    digest: str
    due_ms: int
    receipt: CaseStep | None = None

    def is_overdue(self, at_ms: int) -> bool:
        return self.receipt is None and at_ms > self.due_ms


@dataclass(frozen=True, slots=True)
class Case:
    """A case after some of its steps. `subjects` are keyed references in hex; `hold`: the ground of a legal hold."""

    id: str
    subjects: tuple[str, ...]
    state: State = "requested"
    hold: str = ""
    decided_by: str = ""
    steps: tuple[CaseStep, ...] = ()
    recipients: Mapping[str, Notified] = field(default_factory=dict)

    @property
    def missing(self) -> list[str]:
        """Recipients whose receipts are not there."""
        return sorted(member for member, told in self.recipients.items() if told.receipt is None)

    def overdue(self, at_ms: int) -> list[str]:
        """Return recipients that should have answered by `at_ms` and did not."""
        return sorted(member for member, told in self.recipients.items() if told.is_overdue(at_ms))


def cases_of(steps: Iterable[CaseStep]) -> dict[str, Case]:
    """Return the cases that `steps` come to. Raises RefusedError for a step that may not follow."""
    cases: dict[str, Case] = {}
    for step in steps:
        cases[step.case] = after(cases.get(step.case), step)
    return cases


def after(case: Case | None, step: CaseStep) -> Case:
    """Return the case after `step`. Raises RefusedError, with the reason, for a step that may not follow."""
    if step.kind == "requested":
        if case is not None:
            raise _refused(step, "there is such a case already")
        return Case(step.case, step.subjects, steps=(step,))
    if case is None:
        raise _refused(step, "there is no such case")
    _may_follow(case, step)
    return replace(case, steps=(*case.steps, step), **_changes(case, step))


_BEFORE: Mapping[str, tuple[State, ...]] = {
    "held": ("requested", "granted", "approved"),
    "freed": ("requested", "granted", "approved"),
    "granted": ("requested",),
    "refused": ("requested", "granted"),
    "approved": ("granted",),
    "destroyed": ("approved",),
    "noticed": ("destroyed", "notified"),
    "received": ("notified", "closed"),
}
"""In which states a case may be when a step of that kind is taken."""


def _may_follow(case: Case, step: CaseStep) -> None:
    if case.state not in _BEFORE[step.kind]:
        raise _refused(step, f"the case is {case.state}")
    if case.hold and step.kind in {"granted", "approved"}:
        raise _refused(step, f"a legal hold is on it: {case.hold}", "penstock erasure hold CASE --lift")
    if step.kind == "approved" and step.by == case.decided_by:
        raise _refused(step, "who decided does not approve", "another official approves")
    if step.kind == "received":
        told = case.recipients.get(step.by)
        if told is None or told.digest != step.digest:
            raise _refused(step, "it answers no notice of this case")


def _changes(case: Case, step: CaseStep) -> dict[str, Any]:
    if step.kind in {"held", "freed"}:
        return {"hold": step.ground if step.kind == "held" else ""}
    if step.kind in {"granted", "refused"}:
        return {"state": step.kind, "decided_by": step.by}
    if step.kind == "noticed":
        told = Notified(step.digest, step.due_ms)
        recipients = {**case.recipients, step.recipient: told} if step.recipient else case.recipients
        return _answered(recipients)
    if step.kind == "received":
        told = replace(case.recipients[step.by], receipt=case.recipients[step.by].receipt or step)
        return _answered({**case.recipients, step.by: told})
    return {"state": step.kind}


def _answered(recipients: Mapping[str, Notified]) -> dict[str, Any]:
    """A case is closed when every recipient answered; where nobody received anything, with the step that says so."""
    open_ = any(told.receipt is None for told in recipients.values())
    return {"recipients": recipients, "state": "notified" if open_ else "closed"}


def _refused(step: CaseStep, why: str, remedy: str = "penstock erasure status shows it") -> RefusedError:
    return RefusedError(why, place=step.case, remedy=remedy)
