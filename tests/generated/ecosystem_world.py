"""Strategies of whole ecosystems: a directory of documents as people write them, events, and a situation."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from avro_world import Place, Types, a_schema, a_small_schema, places, value
from hypothesis import strategies as st
from predicate_world import predicates

PURPOSES = [f"https://example.org/purpose#{name}" for name in "AB"]
BASES = [f"https://example.org/basis#{name}" for name in "AB"]
COUNTRIES = ["EE", "FI", "US"]
MECHANISM = "Standard clauses"
FROM, UNTIL = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, 12, 30, 0, 500_000, tzinfo=UTC)
FROM_MS, UNTIL_MS = round(FROM.timestamp() * 1000), round(UNTIL.timestamp() * 1000)
OPEN_CLASSES = ["public", "internal", "confidential"]
CLOSED = {"national-id", "special", "criminal"}


@dataclass(frozen=True)
class Said:
    """What the contract says of a leaf."""

    classification: str
    personal: str
    subject: str | None

    @property
    def may_pass(self) -> bool:
        return self.classification != "restricted" and self.personal not in CLOSED


@dataclass(frozen=True)
class World:
    """Documents before they are written, and the types that make their events."""

    charter: dict[str, Any]
    contract: dict[str, Any]
    schema: dict[str, Any]
    agreements: list[dict[str, Any]]
    types: Types

    def write(self, directory: Path) -> Path:
        """Write the documents (JSON is YAML) and return the directory."""
        for folder in ("contracts", "agreements"):
            (directory / folder).mkdir(parents=True, exist_ok=True)
        write(directory / "ecosystem.yaml", {"version": 1, "id": "generated", "title": "Generated"})
        write(directory / "charter.yaml", self.charter)
        write(directory / "contracts" / "data.odcs.yaml", self.contract)
        write(directory / "contracts" / "data.avsc", self.schema)
        for agreement in self.agreements:
            write(directory / "agreements" / f"{agreement['id']}.yaml", agreement)
        return directory

    def events(self) -> st.SearchStrategy[dict[str, Any]]:
        return value(self.schema, self.types).filter(has_subject)


def write(path: Path, document: Any) -> None:
    path.write_text(json.dumps(document, indent=1))


def has_subject(event: dict[str, Any]) -> bool:
    person = event["whose"]["person"] if "whose" in event else event["person"]
    return person != "" and event["event_id"] != ""


@st.composite
def worlds(draw: st.DrawFn, *, lawful: bool = False, small: bool = False) -> World:
    """Return an ecosystem; a `lawful` one is in force, permitted and in the right place."""
    schema, types = a_small_schema() if small else draw(a_schema())
    everything = list(places(schema, types))
    subjects = [place.path for place in everything if place.path in {"person", "whose.person", "spouse"}]
    said = {place.path: draw(saying(place, subjects)) for place in everything if not place.inside}
    some = st.sampled_from([PURPOSES, PURPOSES, PURPOSES[:1]])
    charter = {
        "version": 1,
        "id": "generated",
        "title": "Generated",
        "members": [
            {"id": name, "name": name, "country": "EE", "roles": ["provider", "recipient"]}
            for name in ("here", "there")
        ],
        "purposes": [{"iri": iri, "label": "A purpose"} for iri in (PURPOSES if lawful else draw(some))],
        "legal_bases": [
            {"iri": iri, "label": "A basis"}
            for iri in (BASES if lawful else draw(st.sampled_from([BASES, BASES, BASES[:1]])))
        ],
        "places": COUNTRIES,
        "transfer_mechanisms": draw(st.sampled_from([[], [MECHANISM]])),
        "retention_classes": [{"id": "month", "duration": "P30D"}],
    }
    agreements = [
        draw(an_agreement(f"agreement-{number}", everything, said, subjects, lawful=lawful)) for number in range(2)
    ]
    if lawful:
        charter["transfer_mechanisms"] = [MECHANISM]
    if draw(st.booleans()):
        charter["linkage_domains"] = [{"id": "together", "agreements": [made["id"] for made in agreements]}]
    return World(charter, contract(everything, said, subjects[0]), schema, agreements, types)


@st.composite
def saying(draw: st.DrawFn, place: Place, subjects: list[str]) -> Said:
    if place.path in subjects:
        return Said("restricted", "national-id", place.path if place.path == "spouse" else None)
    personal = draw(st.sampled_from(["none", "personal", "personal", "national-id", "special"]))
    subject = draw(st.sampled_from([None, None, "spouse"])) if "spouse" in subjects and personal != "none" else None
    if place.path in {"event_id", "at"}:
        personal, subject = "personal", None
    return Said(draw(st.sampled_from([*OPEN_CLASSES, *OPEN_CLASSES, "restricted"])), personal, subject)


def contract(everything: list[Place], said: dict[str, Said], subject: str) -> dict[str, Any]:
    own = {
        "provider": "here",
        "avroSchema": "data.avsc",
        "eventId": "event_id",
        "eventTime": "at",
        "recordKey": subject,
        "dataSubject": subject,
        "partitions": 2,
        "retention": "month",
    }
    return {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": "data",
        "name": "Generated",
        "version": "1.0.0",
        "status": "active",
        "customProperties": [{"property": f"penstock.{name}", "value": one} for name, one in own.items()],
        "schema": [{"name": "Event", "properties": list(properties(everything, said, ""))}],
    }


def properties(everything: list[Place], said: dict[str, Said], above: str) -> Iterator[dict[str, Any]]:
    """Yield the ODCS properties of the fields right below `above`."""
    for place in everything:
        prefix, _, name = place.path.rpartition(".")
        if prefix == above and not name.endswith(("[]", "{}")):
            yield {"name": name, **property_of(place, everything, said)}


def property_of(place: Place, everything: list[Place], said: dict[str, Said]) -> dict[str, Any]:
    if place.path in said:
        one = said[place.path]
        customs = [{"property": "penstock.personalData", "value": one.personal}]
        if one.subject:
            customs.append({"property": "penstock.subject", "value": one.subject})
        return {"classification": one.classification, "customProperties": customs}
    if place.kind == "record":
        return {"properties": list(properties(everything, said, place.path))}
    inner = place.path + ("[]" if place.kind == "array" else "{}")
    (item,) = (other for other in everything if other.path == inner)
    return {"items": {"name": "item", **property_of(item, everything, said)}}


@st.composite
def an_agreement(
    draw: st.DrawFn,
    name: str,
    everything: list[Place],
    said: dict[str, Said],
    subjects: list[str],
    *,
    lawful: bool,
) -> dict[str, Any]:
    places_here = draw(st.lists(st.sampled_from(COUNTRIES), min_size=1, unique=True))
    processing: dict[str, Any] = {"place": places_here[0] if lawful else draw(st.sampled_from(COUNTRIES))}
    if draw(st.booleans()):
        processing["transfer_mechanism"] = MECHANISM
    made = {
        "version": 1,
        "id": name,
        "title": "Generated",
        "provider": "here",
        "recipient": "there",
        "dataset": "data",
        "purpose": draw(st.sampled_from(PURPOSES)),
        "legal_basis": {
            side: {"basis": draw(st.sampled_from(BASES)), "statute": "Act"} for side in ("provider", "recipient")
        },
        "places": places_here,
        "processing": processing,
        "valid": {"from": "2026-01-01T02:00:00+02:00", "until": "2027-01-01T12:30:00.500Z"},
        "consent": draw(st.sampled_from(["required", "not-required", "not-required"])),
        "fields": draw(safeguards(everything, said, subjects)),
        "retention": "month",
        "scope_of_use": "Tests",
        "liability": "None",
        "inform_subject": {"when": "immediate"},
    }
    shown = made["fields"]["at"]
    if shown["do"] == "generalise":
        made["event_time"] = shown["to"]
    elif shown["do"] in {"omit", "encrypt"}:
        made["event_time"] = "day"
    if draw(st.booleans()):
        made["predicate"] = draw(predicates(everything))
    return made


@st.composite
def safeguards(
    draw: st.DrawFn, everything: list[Place], said: dict[str, Said], subjects: list[str]
) -> dict[str, dict[str, Any]]:
    """Return a safeguard for each leaf, or for a node above it; the event id stays readable."""
    found: dict[str, dict[str, Any]] = {}
    settled: list[str] = []
    for place in everything:
        if any(is_inside(place.path, above) for above in settled):
            continue
        if place.inside:
            whole = draw(around(place, said))
            found |= whole
            settled += [place.path] * bool(whole)
            continue
        if place.path == "event_id":
            found[place.path] = {"do": "pseudonymise"}  # of personal data it may not pass, and encryption needs it
            continue
        found[place.path] = draw(st.one_of(choices(place, said[place.path], subjects)))
    return found


def is_inside(path: str, above: str) -> bool:
    return path.startswith((f"{above}.", f"{above}[", f"{above}{{"))


@st.composite
def around(draw: st.DrawFn, place: Place, said: dict[str, Said]) -> dict[str, dict[str, Any]]:
    """Return safeguards for everything in an interior node, or none: then what is inside has its own."""
    inside = {path: one for path, one in said.items() if is_inside(path, place.path)}
    ways: list[dict[str, dict[str, Any]]] = [{place.path: {"do": "omit"}}]
    if len({subject_of(one) for one in inside.values()} - {None}) <= 1:
        ways.append({place.path: {"do": "encrypt"}})
        if place.kind == "map":
            ways.append({path: {"do": "encrypt"} for path in inside})
    if place.kind == "map":
        if all(one.may_pass and one.classification != "confidential" for one in inside.values()):
            ways += [{path: passed() for path in inside}] * 2
    else:
        ways += [{}] * 4
    return draw(st.sampled_from(ways))


def subject_of(said: Said) -> str | None:
    """Return a word for whose data a leaf is: None is nobody's."""
    return None if said.personal == "none" else said.subject or "the event's"


def passed() -> dict[str, Any]:
    return {"do": "pass", "reason": "wanted by the test"}


NUMBERS = {"int", "long", "float", "double"}


def choices(place: Place, said: Said, subjects: list[str]) -> list[st.SearchStrategy[dict[str, Any]]]:
    """Return the safeguards that fit a leaf."""
    found: list[st.SearchStrategy[dict[str, Any]]] = [st.just({"do": "omit"}), st.just({"do": "encrypt"})]
    if said.may_pass:
        found.append(st.builds(passed))
    if place.path in subjects:
        found.append(st.just({"do": "pseudonymise"}))
    if place.kind == "string" and place.path not in subjects:
        found.append(
            st.fixed_dictionaries(
                {
                    "do": st.just("mask"),
                    "how": st.sampled_from(["truncate", "redact"]),
                    "keep": st.integers(0, 3),
                    "side": st.sampled_from(["start", "end"]),
                }
            )
        )
    if place.logical and (place.logical == "date" or "timestamp" in place.logical):
        periods = ["year", "month"] if place.logical == "date" else ["year", "month", "day", "hour"]
        found.append(st.fixed_dictionaries({"do": st.just("generalise"), "to": st.sampled_from(periods)}))
    if place.kind in NUMBERS and not place.logical and place.path not in subjects:
        found += number_choices(place.kind)
    return found


def number_choices(kind: str) -> list[st.SearchStrategy[dict[str, Any]]]:
    real = kind in {"float", "double"}
    size = st.sampled_from([0.1, 0.25, 3.0, 1000.0] if real else [1, 3, 1000])
    bucket = st.fixed_dictionaries({"do": st.just("generalise"), "to": st.just("bucket"), "size": size})
    clamp = st.tuples(st.integers(-1000, 0), st.integers(1, 1000)).map(list)
    noise: dict[str, st.SearchStrategy[Any]] = {
        "do": st.just("noise"),
        "epsilon": st.sampled_from([0.5, 1.0, 2.0]),
        "sensitivity": st.sampled_from([1.0, 10.0]),
        "clamp": clamp,
    }
    if not real:
        return [bucket, st.fixed_dictionaries(noise)]
    grid = st.fixed_dictionaries({"do": st.just("generalise"), "to": st.just("grid"), "size": size})
    return [bucket, grid, st.fixed_dictionaries({**noise, "step": st.sampled_from([0.5, 0.1, 10.0])})]


@dataclass(frozen=True)
class Situation:
    """When it is, what state the agreements are in, and who has consented."""

    at_ms: int
    statuses: dict[str, str]
    consenting: bool


def situations(*, lawful: bool = False) -> st.SearchStrategy[Situation]:
    if lawful:
        return st.builds(Situation, st.just(FROM_MS), st.just({}), st.just(value=True))
    moments = st.sampled_from([*[FROM_MS + 1] * 6, FROM_MS, UNTIL_MS - 1, FROM_MS - 1, UNTIL_MS])
    states = st.sampled_from([{}, {}, {}, {}, {"agreement-0": "suspended"}, {"agreement-0": "terminated"}])
    return st.builds(Situation, moments, states, st.booleans())
