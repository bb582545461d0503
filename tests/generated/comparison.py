"""penstock and the oracle side by side on one ecosystem: every thing in which they differ, in a sentence."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import oracle
from ecosystem_world import Situation, World, situations, worlds
from harness import Lane
from hypothesis import strategies as st
from oracle.documents import Documents

EVENTS = 3


@dataclass(frozen=True)
class Case:
    """An ecosystem, a situation, and events that come in it."""

    world: World
    situation: Situation
    events: tuple[dict[str, Any], ...]

    def consents(self, event: dict[str, Any]) -> set[tuple[str, str]]:
        person = event["whose"]["person"] if "whose" in event else event["person"]
        agreements = self.world.agreements if self.situation.consenting else []
        return {(one["id"], str(person)) for one in agreements}


@st.composite
def cases(draw: st.DrawFn, *, lawful: bool) -> Case:
    """Return cases in which every schema comes up, or (not `lawful`) every reason for withholding."""
    world = draw(worlds(lawful=lawful, small=not lawful))
    events = draw(st.lists(world.events(), min_size=1, max_size=EVENTS))
    return Case(world, draw(situations(lawful=lawful)), tuple(events))


Outcomes = dict[str, tuple[str, Any]]


@dataclass
class Compared:
    """What both said of one event, by agreement."""

    wanted: Outcomes
    found: Outcomes


def compare(case: Case) -> Iterator[Compared]:
    """Yield for each event of a case what the oracle wants and what penstock gives."""
    with tempfile.TemporaryDirectory() as folder:
        directory = case.world.write(Path(folder))
        judge, lane = Documents(directory), Lane(directory, case.situation.statuses)
    for event in case.events:
        consents = case.consents(event)
        at_ms, statuses = case.situation.at_ms, case.situation.statuses
        wanted = {name: oracle.decide(judge, name, event, at_ms, consents, statuses) for name in judge.agreements}
        yield Compared(wanted, lane.decide(event, at_ms, consents))


def differences(case: Case) -> list[str]:
    said: list[str] = []
    known: dict[tuple[str, Any], set[tuple[str, str]]] = {}
    for compared in compare(case):
        for name, wanted in compared.wanted.items():
            said += [f"{name}: {line}" for line in unlike(wanted, compared.found[name])]
            if wanted[0] == compared.found[name][0] == "released":
                for who, shown in names_in(wanted[1], compared.found[name][1].record):
                    known.setdefault((domain(case.world, name), who), set()).add(("known as", shown))
    return said + list(linked(known))


def unlike(wanted: tuple[str, Any], found: tuple[str, Any]) -> Iterator[str]:
    """Yield how one outcome differs: the decision, the view, what the recipient reads in encrypted fields."""
    if found[0] != wanted[0] or (found[0] == "withheld" and found[1] != wanted[1]):
        yield f"is {found}, wants {wanted}"
    elif found[0] == "released":
        yield from oracle.disagreements(wanted[1], found[1].record)
        for place, original, opened in encrypted_in(wanted[1], found[1].opened):
            if oracle.untagged(original) != oracle.untagged(opened):
                yield f"{place}: opens to {opened!r}, wants {original!r}"


def encrypted_in(wanted: Any, opened: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield (place, what was put in, what came out) of each encrypted field, of parts that have the same shape."""
    if isinstance(wanted, oracle.Encrypted):
        yield wanted.path, wanted.original, opened
    elif isinstance(wanted, dict) and isinstance(opened, dict):
        for name in wanted.keys() & opened.keys():
            yield from encrypted_in(wanted[name], opened[name])
    elif isinstance(wanted, list) and isinstance(opened, list):
        for one, other in zip(wanted, opened, strict=False):
            yield from encrypted_in(one, other)


def names_in(wanted: dict[str, Any], record: Any) -> Iterator[tuple[Any, str]]:
    """Yield (whom or what, the name shown for it) of each pseudonym and re-keyed event id outside arrays and maps."""
    for name, one in wanted.items():
        if isinstance(one, oracle.Pseudonym | oracle.Rekeyed):
            yield one, record[name]
        elif isinstance(one, dict):
            yield from names_in(one, record[name])


def domain(world: World, agreement: str) -> str:
    domains = world.charter.get("linkage_domains", [])
    return next((one["id"] for one in domains if agreement in one["agreements"]), agreement)


def linked(known: dict[tuple[str, Any], set[tuple[str, str]]]) -> Iterator[str]:
    """Yield where a domain knows somebody under two names, or two domains or people share one."""
    owners: dict[str, tuple[str, Any]] = {}
    for who, names in known.items():
        if len(names) > 1 and not isinstance(who[1], oracle.Rekeyed):
            yield f"{who} has {len(names)} names in one domain"
        for _, shown in names:
            if owners.setdefault(shown, who) != who:
                yield f"{who} and {owners[shown]} have the same name"
