"""What a change of documents takes away from the people the data is about.

Works on plain JSON, since what is in force may have been written by an older version. What cannot be ranked counts as
less protection: a false alarm costs a look, a missed one a disclosure.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from ...schemas.model import duration_ms

Record = Mapping[str, Any]
Loss = tuple[str, str]
"""The key that changes, and in what way it protects less."""

_GRAINS = ("year", "month", "day", "hour", "minute", "second", "exact")
_CLASSES = ("restricted", "confidential", "internal", "public")
_TOLD = ("immediate", "deferred", "restricted")
_STRENGTH = {"omit": 6, "encrypt": 5, "pseudonymise": 4, "noise": 3, "generalise": 2, "mask": 1, "pass": 0}
"""How much a safeguard of one kind hides compared with another kind; unknown kinds count as passing."""


def losses(old: Record, new: Record) -> Iterator[Loss]:
    """Yield what an agreement's amendment protects less."""
    for rule in (_fields, _predicate, _consent, _places, _validity, _time, _told, _parties, _budget):
        yield from rule(old, new)


def _fields(old: Record, new: Record) -> Iterator[Loss]:
    for path, after in new["fields"].items():
        before = _covering(old["fields"], path)
        why = _weaker(before, after) if before is not None else _new_field(after)
        if why:
            yield f"fields.{path}", why


def _covering(fields: Record, path: str) -> Record | None:
    """Return the safeguard that stood for `path`: its own, or the one of the part around it."""
    while path not in fields:
        shorter = path[:-2] if path.endswith(("[]", "{}")) else path.rpartition(".")[0]
        if not shorter:
            return None
        path = shorter
    found: Record = fields[path]
    return found


def _new_field(after: Record) -> str:
    return "" if after["do"] == "omit" else f"a field that was not in the view is now: {after['do']}"


def _weaker(before: Record, after: Record) -> str:
    """Return in what way `after` protects less than `before`, empty if in none."""
    kinds = before["do"], after["do"]
    if kinds[0] != kinds[1]:
        weaker = _STRENGTH.get(kinds[1], 0) < _STRENGTH.get(kinds[0], 0)
        return f"{kinds[0]} becomes {kinds[1]}" if weaker else ""
    compare = _SAME_KIND.get(kinds[0])
    return compare(before, after) if compare else ""


def _weaker_noise(before: Record, after: Record) -> str:
    scales = [one["sensitivity"] / one["epsilon"] for one in (before, after)]
    if scales[1] < scales[0]:
        return f"the noise becomes smaller: scale {scales[0]:g} becomes {scales[1]:g}"
    if before["epsilon"] < after["epsilon"]:
        return f"the privacy loss of each release rises: epsilon {before['epsilon']:g} becomes {after['epsilon']:g}"
    low, high = after["clamp"]
    if low < before["clamp"][0] or high > before["clamp"][1]:
        return "the clamp becomes wider"
    return ""


def _weaker_generalise(before: Record, after: Record) -> str:
    if before["to"] != after["to"]:
        grains = [_GRAINS.index(one["to"]) for one in (before, after) if one["to"] in _GRAINS]
        finer = len(grains) < 2 or grains[1] > grains[0]
        return f"generalise to {before['to']} becomes {after['to']}" if finer else ""
    if (after["size"] or 0) < (before["size"] or 0):
        return f"the {after['to']} becomes finer: {before['size']:g} becomes {after['size'] or 0:g}"
    return ""


def _weaker_mask(before: Record, after: Record) -> str:
    if after["keep"] > before["keep"]:
        return f"more characters are kept: {before['keep']} becomes {after['keep']}"
    if after["side"] != before["side"] and after["keep"]:
        return f"other characters are kept: the {after['side']} in place of the {before['side']}"
    if (before["how"], after["how"]) == ("truncate", "redact"):
        return "the length can be seen: truncate becomes redact"
    return ""


_SAME_KIND: Mapping[str, Callable[[Record, Record], str]] = {
    "noise": _weaker_noise,
    "generalise": _weaker_generalise,
    "mask": _weaker_mask,
}


def _predicate(old: Record, new: Record) -> Iterator[Loss]:
    before, after = old.get("predicate"), new.get("predicate")
    if before is not None and after is None:
        yield "predicate", "the predicate is removed: every record is covered"
    elif before is not None and before != after:
        yield "predicate", "the predicate changes: compare which records each covers"


def _consent(old: Record, new: Record) -> Iterator[Loss]:
    if old["consent"] == "required" and new["consent"] != "required":
        yield "consent", "consent is no longer required"


def _places(old: Record, new: Record) -> Iterator[Loss]:
    added = sorted({*new["places"]} - {*old["places"]})
    if added:
        yield "places", f"new places of processing: {', '.join(added)}"
    before, after = old["processing"], new["processing"]
    if before["place"] != after["place"]:
        yield "processing.place", f"processing moves from {before['place']} to {after['place']}"
    if after.get("transfer_mechanism") and before.get("transfer_mechanism") != after["transfer_mechanism"]:
        yield "processing.transfer_mechanism", "another transfer mechanism covers places outside the agreed ones"


def _validity(old: Record, new: Record) -> Iterator[Loss]:
    if _instant(new["valid"]["until"]) > _instant(old["valid"]["until"]):
        yield "valid.until", f"prolonged from {old['valid']['until']} to {new['valid']['until']}"
    if _instant(new["valid"]["from"]) < _instant(old["valid"]["from"]):
        yield "valid.from", f"begins earlier: {new['valid']['from']}, not {old['valid']['from']}"


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _time(old: Record, new: Record) -> Iterator[Loss]:
    if _GRAINS.index(new["event_time"]) > _GRAINS.index(old["event_time"]):
        yield "event_time", f"record times become finer: {old['event_time']} becomes {new['event_time']}"


def _told(old: Record, new: Record) -> Iterator[Loss]:
    before, after = old["inform_subject"]["when"], new["inform_subject"]["when"]
    if _TOLD.index(after) > _TOLD.index(before):
        yield "inform_subject.when", f"the data subject is told less: {before} becomes {after}"


def _parties(old: Record, new: Record) -> Iterator[Loss]:
    if old["recipient"] != new["recipient"]:
        yield "recipient", f"another recipient: {new['recipient']} in place of {old['recipient']}"
    if old["purpose"] != new["purpose"]:
        yield "purpose", f"another purpose: {new['purpose']}"
    if old["retention"] != new["retention"]:
        yield "retention", f"another retention class: {old['retention']} becomes {new['retention']}"
    if old["scope_of_use"] != new["scope_of_use"]:
        yield "scope_of_use", "another scope of use: compare the two texts"


def _budget(old: Record, new: Record) -> Iterator[Loss]:
    before, after = old.get("privacy_budget"), new.get("privacy_budget")
    if before and not after:
        yield "privacy_budget", "the privacy budget is removed"
    elif before and after and _a_year(after) > _a_year(before):
        yield "privacy_budget", f"the privacy budget grows: {_budget_text(before)} becomes {_budget_text(after)}"
    elif before and after and before["unit"] != after["unit"]:
        yield "privacy_budget", f"another privacy unit: {before['unit']} becomes {after['unit']}"


def _a_year(budget: Record) -> float:
    return float(budget["epsilon"]) * {"day": 365, "week": 52, "month": 12, "year": 1}[budget["period"]]


def _budget_text(budget: Record) -> str:
    return f"{budget['epsilon']:g} a {budget['period']}"


def contract_losses(old: Record, new: Record) -> Iterator[Loss]:
    """Yield what a data contract's change protects less."""
    for path, after in new["fields"].items():
        before = old["fields"].get(path)
        if before is None:
            continue
        if _CLASSES.index(after["classification"]) > _CLASSES.index(before["classification"]):
            change = f"{before['classification']} becomes {after['classification']}"
            yield f"fields.{path}.classification", f"classified as more open: {change}"
        if before["personal"] != after["personal"] and after["personal"] in {"none", "personal"}:
            yield f"fields.{path}.personal", f"{before['personal']} data becomes {after['personal']}"
        if before["subject"] and before["subject"] != after["subject"]:
            yield f"fields.{path}.subject", f"another data subject: {after['subject'] or 'nobody'}"
    if old["data_subject"] and old["data_subject"] != new["data_subject"]:
        yield "data_subject", f"another data subject: {new['data_subject'] or 'nobody'}"
    if old["retention"] != new["retention"]:
        yield "retention", f"another retention class: {old['retention']} becomes {new['retention']}"


def charter_losses(old: Record, new: Record) -> Iterator[Loss]:
    """Yield what an amended charter permits that it did not."""
    for key, name in (("purposes", "iri"), ("legal_bases", "iri")):
        added = sorted({one[name] for one in new[key]} - {one[name] for one in old[key]})
        if added:
            yield key, f"newly permitted: {', '.join(added)}"
    for key in ("places", "transfer_mechanisms"):
        added = sorted({*new[key]} - {*old[key]})
        if added:
            yield key, f"newly permitted: {', '.join(added)}"
    yield from _unsealed(old, new)
    yield from _longer_retention(old, new)
    yield from _joined_domains(old, new)


def _unsealed(old: Record, new: Record) -> Iterator[Loss]:
    """Yield members whose keys will be handed out as they are."""
    before = {one["id"] for one in old["members"] if one.get("unsealed_keys")}
    added = sorted(one["id"] for one in new["members"] if one.get("unsealed_keys") and one["id"] not in before)
    if added:
        yield "members", f"keys are handed out unsealed: {', '.join(added)}"


def _longer_retention(old: Record, new: Record) -> Iterator[Loss]:
    before = {one["id"]: one["duration"] for one in old["retention_classes"]}
    for one in new["retention_classes"]:
        name, duration = one["id"], one["duration"]
        if name in before and duration_ms(duration) > duration_ms(before[name]):
            yield f"retention_classes.{name}", f"'{name}' keeps longer: {before[name]} becomes {duration}"


def _joined_domains(old: Record, new: Record) -> Iterator[Loss]:
    """Yield agreements whose pseudonyms become those of others."""
    before = {frozenset(domain["agreements"]) for domain in old["linkage_domains"]}
    for domain in new["linkage_domains"]:
        members = frozenset(domain["agreements"])
        if len(members) > 1 and not any(members <= one for one in before):
            yield f"linkage_domains.{domain['id']}", f"the same pseudonyms in {', '.join(sorted(members))}"
