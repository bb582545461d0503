"""Rules for the numbers of safeguards, for the fields with a role, and for the predicate."""

from collections.abc import Iterator

from ...processors.predicate import compile_predicate
from ...schemas.errors import DocumentError
from ...schemas.problem import Finding
from ...schemas.safeguard import Encrypt, Generalise, Noise, Omit, Pass, Pseudonymise
from .pages import Case, Protected

GRAINS = ("exact", "second", "minute", "hour", "day", "month", "year")
_WHOLE = frozenset(("int", "long"))


def number_findings(case: Case) -> Iterator[Finding]:
    """Yield safeguards whose numbers make no sense."""
    for one in case.protected:
        if isinstance(one.safeguard, Noise):
            yield from _noise(case, one, one.safeguard)
        elif isinstance(one.safeguard, Generalise):
            yield from _generalise(case, one, one.safeguard)


def _noise(case: Case, one: Protected, noise: Noise) -> Iterator[Finding]:
    low, high = noise.clamp
    whole = one.leaf.primitive in _WHOLE
    if low >= high:
        remedy = "write the smaller number first, and two that differ"
        yield case.page.error((*one.key, "clamp"), f"the clamp of `{one.path}` is reversed or empty", remedy)
    if whole and noise.step not in {None, 1}:
        message = f"the step of `{one.path}` is 1, since it is a whole number"
        yield case.page.error((*one.key, "step"), message, "leave step out")
    if whole and not (low.is_integer() and high.is_integer()):
        message = f"the clamp of `{one.path}` must be whole numbers"
        yield case.page.error((*one.key, "clamp"), message, "round them")
    if noise.step is not None and noise.step > high - low > 0:
        message = f"the step of `{one.path}` is wider than its clamp"
        yield case.page.error((*one.key, "step"), message, "choose a smaller step")


def _generalise(case: Case, one: Protected, rule: Generalise) -> Iterator[Finding]:
    if rule.to not in {"bucket", "grid"} and rule.size is not None:
        yield case.page.error((*one.key, "size"), f"generalise to {rule.to} takes no size", "leave size out")
    elif rule.to in {"bucket", "grid"} and rule.size is None:
        yield case.page.error(one.key, f"generalise to {rule.to} needs a size", "add the width, such as size: 100")
    elif rule.to == "bucket" and rule.size and one.leaf.primitive in _WHOLE and not rule.size.is_integer():
        message = f"the buckets of `{one.path}` must have a whole size, since it is a whole number"
        yield case.page.error((*one.key, "size"), message, "round it")


def role_findings(case: Case) -> Iterator[Finding]:
    """Yield what is wrong with the event id and the event time in the view."""
    yield from _event_id(case)
    yield from _event_time(case)


def _event_id(case: Case) -> Iterator[Finding]:
    path = case.contract.event_id
    safeguard = case.under(path)
    if case.contract.data_subject and isinstance(safeguard, Pass):
        message = f"the event id `{path}` of personal data passes: it would join what pseudonyms keep apart"
        yield case.page.error(("fields", path), message, "pseudonymise it: it is then re-keyed for this agreement")
    encrypts = any(isinstance(one.safeguard, Encrypt) for one in case.protected)
    if encrypts and safeguard is not None and not isinstance(safeguard, Pass | Pseudonymise):
        message = f"the agreement encrypts, and `{path}`, the event id that binds ciphertexts to their record, is lost"
        yield case.page.error(("fields", path), message, "pseudonymise it, or pass it where no person is concerned")


def _event_time(case: Case) -> Iterator[Finding]:
    path, grain = case.contract.event_time, case.agreement.event_time
    safeguard = case.under(path)
    if isinstance(safeguard, Generalise) and GRAINS.index(grain) < GRAINS.index(str(safeguard.to)):
        message = f"records carry the event time to the {grain}, and `{path}` is generalised to the {safeguard.to}"
        yield case.page.error(("event_time",), message.replace("to the exact", "exactly"), f"write {safeguard.to}")
    elif isinstance(safeguard, Omit | Encrypt) and grain == "exact":
        hidden = "omitted" if isinstance(safeguard, Omit) else "encrypted"
        message = f"records carry the event time exactly, and `{path}` is {hidden}"
        yield case.page.error(("event_time",), message, "write a coarser one, such as day")


def predicate_findings(case: Case) -> Iterator[Finding]:
    """Yield why the predicate cannot be used, or what it tells beside what the view holds."""
    text = case.agreement.predicate
    if text is None:
        return
    try:
        predicate = compile_predicate(text, case.contract.schema)
    except DocumentError as failure:
        yield case.page.error(("predicate",), failure.message.removeprefix("predicate: "), failure.remedy)
        return
    hidden = sorted(path for path in predicate.paths if isinstance(case.under(path), Omit | Encrypt))
    if hidden:
        message = f"that a record is there tells something about {', '.join(f'`{path}`' for path in hidden)}"
        yield case.page.note(("predicate",), message, "the recipient knows that the predicate holds")
