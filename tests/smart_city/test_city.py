"""A day of the example city on one machine, as `make demo EXAMPLE=smart-city ONCE=1` has it, before the oracle."""

import json
import shlex
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import city
import demo
import pytest
import yaml
from city_world import CITY, Day, by_id
from ecosystem import Done, Ecosystem, until
from judging import Generation, Stock, Verdict, judge, leaves, physical
from leaks import Canary, found_in
from oracle import Encrypted, Pseudonym, summary
from oracle.documents import Documents

import penstock
from penstock.ops.broker.probe import broker_answers

pytestmark = pytest.mark.broker

READINGS, SEED = 3_000, 4
COARSE = ("air-open", "traffic-open", "incidents-open", "incidents-research")
WORDLESS = ("incidents-open", "incidents-research")
"""Agreements that neither a name, a contact nor a word of a report may reach."""


@dataclass
class World:
    """The city after its day. `told` is what the sensors say that they sent."""

    ecosystem: Ecosystem
    day: Day
    done: Done
    told: dict[str, Any]


@pytest.fixture(scope="module")
def world(kafka_installed: None, tmp_path_factory: pytest.TempPathFactory) -> World:
    """The day, delivered by `penstock up --once --feed`."""
    ecosystem = Ecosystem(tmp_path_factory.mktemp("city") / "eco")
    demo.copy(CITY, ecosystem.directory)
    at_ms = time.time_ns() // 1_000_000
    feed = [sys.executable, str(CITY / "sensors.py"), "-n", str(READINGS), "--seed", str(SEED), "--at", str(at_ms)]
    with demo.mqtt(ecosystem.directory) as env, pytest.MonkeyPatch.context() as patch:
        for name, value in env.items():
            patch.setenv(name, value)
        done = ecosystem.up_once("--feed", shlex.join([*feed, "--json"]), timeout_s=220)
    log = ecosystem.run / "feed.log"
    assert done.code == 0, done.err + (log.read_text() if log.exists() else "")
    told = json.loads(log.read_text().strip().splitlines()[-1])
    return World(ecosystem, Day(READINGS, SEED, at_ms), done, told)


@pytest.fixture(scope="module")
def held(world: World) -> Iterator[World]:
    """The day, with only Kafka and the gateway up again, to be read."""
    ecosystem = world.ecosystem
    with ecosystem.role("broker"):
        until(lambda: broker_answers(ecosystem.bootstrap), "Kafka is not up")
        with ecosystem.role("gateway"):
            until(lambda: answers(f"{ecosystem.gateway}/v1/health"), "the gateway is not up")
            yield world


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own gateway
            return bool(answer.status == HTTPStatus.OK)
    except OSError:
        return False


@pytest.fixture(scope="module")
def verdict(held: World) -> Verdict:
    found = judge(held.ecosystem, {1: Generation(Documents(held.ecosystem.directory))})
    assert found.problems == []
    return found


def test_the_sensors_say_what_they_sent(world: World) -> None:
    assert world.told == json.loads(json.dumps(world.day.tally.as_json()))
    assert world.day.resent() > READINGS / 20


def test_the_summary_is_what_the_oracle_counts(world: World) -> None:
    events, day = world.done.json["events"], world.day
    assert events == {
        "published": READINGS,
        "quarantined": day.faulty().total(),
        "duplicates": day.resent(),
        "unclassified": day.unclassified(),
        "flagged": dict(sorted(day.flagged().items())),
    }
    assert all(events.values())
    consents = world.ecosystem.opening_consents()
    wanted = summary(Documents(world.ecosystem.directory), day.events(), int(time.time() * 1000), consents)
    assert world.done.json["agreements"] == {
        key: {"delivered": one.pop("released", 0), "withheld": dict(sorted(one.items()))} for key, one in wanted.items()
    }
    assert {reason for one in wanted.values() for reason in one} == {"predicate", "consent"}


def test_every_reading_lies_on_its_topic_once_as_it_was_sent_and_flagged(held: World, verdict: Verdict) -> None:
    assert by_id(verdict.events) == by_id(held.day.events())


def test_every_view_holds_what_the_oracle_expects(held: World, verdict: Verdict) -> None:
    for key in held.ecosystem.agreements():
        records = sum(len(one) for one in verdict.views[key].values())
        assert records == verdict.counts[key]["released"] > 0


def test_a_view_that_is_finer_than_agreed_would_be_noticed(held: World) -> None:
    documents = Documents(held.ecosystem.directory)
    documents.agreements["incidents-research"]["fields"]["location.latitude"]["size"] = "0.02"
    documents.agreements["traffic-open"]["predicate"] = "intensity > 1"
    problems = judge(held.ecosystem, {1: Generation(documents)}).problems
    assert any("view.incidents-research" in one and "location.latitude" in one for one in problems)
    assert any(one.startswith("audit of generation 1") and "traffic-open" in one for one in problems)


def test_what_was_refused_is_in_quarantine_for_its_reason(held: World) -> None:
    listed = held.ecosystem.cli("quarantine", "list", "--json").json
    assert Counter(one["reason"] for one in listed) == held.day.faulty()


def test_an_official_figure_is_never_noised(verdict: Verdict) -> None:
    shown = [record.value["no2"] for one in verdict.views["air-open"].values() for record in one]
    measured = {event["no2"] for dataset, event in verdict.events if dataset == city.AIR}
    assert set(shown) <= measured
    assert len(set(shown)) > 100


@pytest.mark.parametrize("key", COARSE)
def test_a_coarse_view_shows_the_middle_of_a_square(verdict: Verdict, key: str) -> None:
    for records in verdict.views[key].values():
        for record in records:
            for degrees in record.value["location"].values():
                assert round(degrees * 1_000) % 10 == 5
                assert abs(degrees * 1_000 - round(degrees * 1_000)) < 1e-6


def test_an_unclassified_field_reaches_nothing(held: World, verdict: Verdict) -> None:
    assert held.day.unclassified() > 20
    assert not [1 for _, event in verdict.events if "nearbyDevices" in event]
    for key, topic in verdict.views.items():
        assert not [1 for one in topic.values() for record in one if "nearbyDevices" in record.value], key


def test_a_contract_is_drafted_from_a_topic_that_holds_people(held: World, tmp_path: Path) -> None:
    """Its fields are the topic's, none is classified, and nothing that anybody said is in it."""
    done = held.ecosystem.cli("contract", "infer", "city.incident-reports.v1", "--out", str(tmp_path), "--json")
    assert done.code == 0, done.err
    (row,) = done.json
    assert row["records"] > 100
    schema, contract = Path(row["schema"]).read_text(), Path(row["contract"]).read_text()
    assert {one["name"] for one in json.loads(schema)["fields"]} == {one["name"] for one in _reports()["fields"]}
    assert yaml.safe_load(contract)["schema"][0]["properties"]
    assert "classification:" not in contract
    assert found_in([("draft", (schema + contract).encode())], said_by(held)) == []


def _reports() -> Any:
    return json.loads((CITY / "contracts" / "incident-reports.avsc").read_text())


# --- people -----------------------------------------------------------------------------------------------------------


def said_by(world: World) -> list[Canary]:
    """Return what people said, and who they are, as bytes that must not be found."""
    found: dict[str, Canary] = {}
    for message in world.day.good:
        if message.dataset == city.INCIDENTS and message.row:
            reporter = message.row["reporter"]
            for path, text in (("description", message.row["description"]), *reporter.items()):
                found[text] = Canary(path, text)
    return list(found.values())


def written(held: World, topics: list[str]) -> list[tuple[str, bytes]]:
    with Stock(held.ecosystem.client(), committed=False) as stock:
        return [
            (topic, b"\n".join(part for one in stock.read(topic).values() for record in one for part in _parts(record)))
            for topic in topics
        ]


def _parts(record: Any) -> list[bytes]:
    return [part for part in (record.key, record.value) if part]


def test_nobody_and_no_word_is_in_a_view_in_clear(held: World) -> None:
    canaries = said_by(held)
    assert len(canaries) > 300
    views = [f"view.{key}" for key in held.ecosystem.agreements() if key.startswith("incidents-")]
    own = ["penstock.audit", "penstock.disclosures", "penstock.control", "quarantine.incident-reports"]
    assert found_in(written(held, [*views, *own]), canaries) == []
    # The search would find them: they are on the provider's own topic.
    assert len(found_in(written(held, ["city.incident-reports.v1"]), canaries)) >= len(canaries)


@pytest.mark.parametrize("key", WORDLESS)
def test_open_data_and_research_get_no_ciphertext_either(verdict: Verdict, key: str) -> None:
    trees = [tree for one in verdict.expected[key].values() for tree in one]
    assert not [1 for tree in trees for leaf, _ in leaves(tree, tree) if isinstance(leaf, Encrypted)]
    persons = {leaf.subject for tree in trees for leaf, _ in leaves(tree, tree) if isinstance(leaf, Pseudonym)}
    assert bool(persons) == (key == "incidents-research")


def test_the_command_centre_reads_who_reported_what_and_where(held: World, verdict: Verdict) -> None:
    ecosystem, member = held.ecosystem, "command"
    wanted = {
        (one.row["description"], one.row["reporter"]["contact"], one.row["location"]["longitude"])
        for one in held.day.good
        if one.dataset == city.INCIDENTS and one.row
    }
    with penstock.open_view(
        "incidents-command",
        gateway=ecosystem.gateway,
        token=ecosystem.token(member),
        security=ecosystem.security(f"member.{member}"),
    ) as view:
        read = [physical(record.value) for record in view.to_end()]
    assert {(one["description"], one["reporter"]["contact"], one["location"]["longitude"]) for one in read} == wanted


# --- the feed ---------------------------------------------------------------------------------------------------------


def test_sensors_that_know_nobody_say_what_to_do() -> None:
    command = [sys.executable, str(CITY / "sensors.py"), "-n", "1"]
    done = subprocess.run(command, capture_output=True, text=True, env={}, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr == "sensors: PENSTOCK_RUN is not set: run the sensors by `penstock up DIR --feed`\n"
