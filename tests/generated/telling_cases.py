"""Cases by hand, beside the generated ones: for each reason and each safeguard a case in which it decides."""

from typing import Any

from avro_world import PLAIN, SPACE, Types, places
from comparison import Case
from ecosystem_world import (
    BASES,
    COUNTRIES,
    FROM_MS,
    MECHANISM,
    PURPOSES,
    UNTIL_MS,
    Said,
    Situation,
    World,
    contract,
    passed,
)

FIELDS: dict[str, Any] = {
    "event_id": "string",
    "at": PLAIN[9],
    "person": "string",
    "bucket": "long",
    "noise": "int",
    "cut": "string",
    "stars": "string",
    "day": PLAIN[8],
    "items": {"type": "array", "items": "int"},
    "secrets": {"type": "array", "items": "int"},
}
MASK = {"do": "mask", "keep": 1}
SAFEGUARDS: dict[str, dict[str, Any]] = {
    "event_id": {"do": "pseudonymise"},
    "at": passed(),
    "person": {"do": "pseudonymise"},
    "bucket": {"do": "generalise", "to": "bucket", "size": 10},
    "noise": {"do": "noise", "epsilon": 1, "sensitivity": 1, "clamp": [0, 10]},
    "cut": {**MASK, "how": "truncate", "side": "start"},
    "stars": {**MASK, "how": "redact", "side": "end"},
    "day": {"do": "generalise", "to": "year"},
    "items[]": {"do": "generalise", "to": "bucket", "size": 3},
    "secrets[]": {"do": "encrypt"},
}


def an_event(person: str) -> dict[str, Any]:
    return {
        "event_id": "one event", "at": FROM_MS, "person": person, "bucket": -7, "noise": 10**6, "cut": "abcd",
        "stars": "abcd", "day": 100, "items": [1, 4, 7], "secrets": [1, 2, 3],
    }  # fmt: skip


def a_case(situation: Situation | None = None, charter: dict[str, Any] | None = None, **agreement: Any) -> Case:
    """Return a case in which everything is lawful and released, but for what is changed."""
    schema = {
        "type": "record", "name": "Event", "namespace": SPACE,
        "fields": [{"name": name, "type": one} for name, one in FIELDS.items()],
    }  # fmt: skip
    everything = list(places(schema, Types()))
    said = {place.path: Said("internal", "personal", None) for place in everything if not place.inside}
    said["person"] = Said("restricted", "national-id", None)
    members = [
        {"id": name, "name": name, "country": "EE", "roles": ["provider", "recipient"]} for name in ("here", "there")
    ]
    rules = {
        "version": 1, "id": "told", "title": "Told", "members": members,
        "purposes": [{"iri": PURPOSES[0], "label": "A purpose"}],
        "legal_bases": [{"iri": BASES[0], "label": "A basis"}],
        "places": COUNTRIES, "transfer_mechanisms": [], "retention_classes": [{"id": "month", "duration": "P30D"}],
    }  # fmt: skip
    agreements = [an_agreement(name) | agreement for name in ("agreement-0", "agreement-1")]
    world = World(rules | (charter or {}), contract(everything, said, "person"), schema, agreements, Types())
    return Case(world, situation or Situation(FROM_MS, {}, consenting=True), (an_event("a"), an_event("b")))


def an_agreement(name: str) -> dict[str, Any]:
    return {
        "version": 1, "id": name, "title": "Told", "provider": "here", "recipient": "there", "dataset": "data",
        "purpose": PURPOSES[0], "legal_basis": bases(BASES[0], BASES[0]), "places": ["EE"],
        "processing": {"place": "EE"}, "consent": "required", "fields": SAFEGUARDS, "retention": "month",
        "valid": {"from": "2026-01-01T02:00:00+02:00", "until": "2027-01-01T12:30:00.500Z"},
        "scope_of_use": "Tests", "liability": "None", "inform_subject": {"when": "immediate"},
    }  # fmt: skip


def bases(*iris: str) -> dict[str, Any]:
    sides = zip(("provider", "recipient"), iris, strict=True)
    return {side: {"basis": iri, "statute": "Act"} for side, iri in sides}


def at(moment: int, *, consenting: bool = True, **statuses: str) -> Situation:
    return Situation(moment, {name.replace("_", "-"): status for name, status in statuses.items()}, consenting)


ABROAD = {"place": "US"}
TELLING: dict[str, tuple[set[str], Case]] = {
    "all is lawful": ({"released"}, a_case()),
    "suspended": ({"suspended", "released"}, a_case(at(FROM_MS, agreement_0="suspended"))),
    "terminated": ({"not_in_force", "released"}, a_case(at(FROM_MS, agreement_0="terminated"))),
    "too early": ({"not_yet_valid"}, a_case(at(FROM_MS - 1))),
    "the last millisecond": ({"released"}, a_case(at(UNTIL_MS - 1))),
    "too late": ({"expired"}, a_case(at(UNTIL_MS))),
    "another purpose": ({"purpose"}, a_case(purpose=PURPOSES[1])),
    "purpose and place": ({"purpose"}, a_case(purpose=PURPOSES[1], processing=ABROAD)),
    "the provider's basis": ({"legal_basis"}, a_case(legal_basis=bases(BASES[1], BASES[0]))),
    "the recipient's basis": ({"legal_basis"}, a_case(legal_basis=bases(BASES[0], BASES[1]))),
    "abroad": ({"place"}, a_case(processing=ABROAD)),
    "abroad, mechanism unknown": ({"place"}, a_case(processing={**ABROAD, "transfer_mechanism": MECHANISM})),
    "abroad, covered": (
        {"released"},
        a_case(charter={"transfer_mechanisms": [MECHANISM]}, processing={**ABROAD, "transfer_mechanism": MECHANISM}),
    ),
    "no consent": ({"consent"}, a_case(at(FROM_MS, consenting=False))),
    "no consent, no row": ({"consent"}, a_case(at(FROM_MS, consenting=False), predicate="false")),
    "one row of two": ({"predicate", "released"}, a_case(predicate='person == "b"')),
    "division by zero": ({"predicate_error"}, a_case(predicate="bucket / (bucket + 7) == 1")),
    "one linkage domain": (
        {"released"},
        a_case(charter={"linkage_domains": [{"id": "together", "agreements": ["agreement-0", "agreement-1"]}]}),
    ),
}
"""By what is told: the outcomes that come up, and the case."""
