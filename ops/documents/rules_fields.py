"""Rules for the fields of an agreement: each leaf once, by a safeguard that fits its type and its class."""

from collections.abc import Iterator

from ...schemas.avro_paths import covers
from ...schemas.contract import Classification, PersonalData
from ...schemas.problem import Finding, did_you_mean
from ...schemas.safeguard import Encrypt, Mask, Omit, Pass, Pseudonymise
from ...schemas.safeguard_cut import misfit
from .pages import Case, Protected, is_node
from .rules_contracts import SENSITIVE


def coverage_findings(case: Case) -> Iterator[Finding]:
    """Yield keys that are no field, and leaves with no safeguard or with several."""
    named = case.agreement.fields
    for path in named:
        if not is_node(case.resolved, path):
            message = f"`{path}` is no field of '{case.contract.id}'"
            yield case.page.error(("fields", path), message, did_you_mean(path, case.leaves))
    for leaf in case.leaves:
        above = sorted(key for key in named if covers(key, leaf))
        if not above:
            message = f"`{leaf}` has no safeguard"
            yield case.page.error(("fields",), message, f"add a line for it below fields, such as {leaf}: {{do: omit}}")
        elif len(above) > 1:
            message = f"`{leaf}` is covered twice: by {' and '.join(above)}"
            yield case.page.error(("fields", above[-1]), message, "keep one of them")


def fit_findings(case: Case) -> Iterator[Finding]:
    """Yield safeguards that do not fit the type, the class or the role of what they stand for."""
    for one in case.protected:
        for message in misfit(one.leaf, one.path, one.safeguard):
            yield case.page.error(one.key, message, "choose another safeguard for it")
        if isinstance(one.safeguard, Pass):
            yield from _passed(case, one, one.safeguard)
        elif isinstance(one.safeguard, Mask):
            yield from _masked(case, one, one.safeguard)
        elif isinstance(one.safeguard, Pseudonymise):
            yield from _pseudonymised(case, one)
    yield from _maps(case)


def _passed(case: Case, one: Protected, safeguard: Pass) -> Iterator[Finding]:
    path, field = one.leaf.path, one.field
    if field.personal in SENSITIVE:
        yield case.page.error(one.key, f"`{path}` is {field.personal} data and may not pass", "protect it, or omit it")
    elif field.classification is Classification.RESTRICTED:
        yield case.page.error(one.key, f"`{path}` is restricted and may not pass", "protect it, or omit it")
    elif safeguard.reason is None and field.personal is PersonalData.PERSONAL:
        yield case.page.error(one.key, f"`{path}` is personal data and passes without a reason", "add reason: …")
    elif safeguard.reason is None and field.classification is Classification.CONFIDENTIAL:
        yield case.page.error(one.key, f"`{path}` is confidential and passes without a reason", "add reason: …")


def _masked(case: Case, one: Protected, safeguard: Mask) -> Iterator[Finding]:
    if safeguard.keep and one.field.personal in SENSITIVE:
        message = f"`{one.leaf.path}` is {one.field.personal} data, of which {safeguard.keep} characters are kept"
        yield case.page.warning(one.key, message, "a shorter value passes whole: keep none, or encrypt it")


def _pseudonymised(case: Case, one: Protected) -> Iterator[Finding]:
    if one.leaf.path not in (*case.contract.subject_paths, case.contract.event_id):
        message = f"`{one.leaf.path}` identifies no data subject and is not the event id"
        yield case.page.error(one.key, message, "mask, generalise, encrypt or omit it")


def _maps(case: Case) -> Iterator[Finding]:
    """Yield maps whose keys, which share the map's class, would go on although the class forbids it."""
    inside: dict[str, list[Protected]] = {}
    for one in case.protected:
        if "{}" in one.leaf.path:
            inside.setdefault(one.leaf.path.split("{}", 1)[0], []).append(one)
    for whole, held in inside.items():
        kinds = {type(one.safeguard) for one in held}
        if kinds in ({Encrypt}, {Omit}):
            continue
        closed = [one for one in held if _is_closed(one)]
        if closed or not kinds <= {Pass, Omit}:
            why = f"holds {closed[0].field.classification} data" if closed else "cannot be protected in part"
            message = f"`{whole}` is a map, whose keys tell as much as its values, and {why}"
            yield case.page.error(held[0].key, message, f"encrypt or omit it whole: {whole}: {{do: omit}}")


def _is_closed(one: Protected) -> bool:
    open_classes = {Classification.PUBLIC, Classification.INTERNAL}
    return one.field.classification not in open_classes or one.field.personal in SENSITIVE
