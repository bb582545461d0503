"""Everybody against everything, on the real broker: each principal, wrong passwords, nobody; topics, groups, ids.

What is allowed is written down here once more, from the documents and by hand: the product's own plan is not asked.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from access_world import LET_IN, AccessWorld, Attempt, Caller, Outcomes
from ecosystem import until

from penstock.ops.broker.refusals import KafkaRefusals
from penstock.ops.health import ask
from penstock.ops.metrics.page import read_page
from penstock.ops.settings import scram
from penstock.schemas.access import Rule

pytestmark = pytest.mark.broker

ECO = "cross-border-tax"
DATASETS = {"income-payments": "ee-tax", "tax-residency": "fi-tax"}
OWN = (
    "penstock.control",
    "penstock.consents",
    "penstock.sources",
    "penstock.audit",
    "penstock.disclosures",
    "penstock.lanes",
    "penstock.slots",
    "penstock.erasures",
    "_schemas",
)
MEMBERS = ("brookvale", "ee-stat", "ee-tax", "fi-kela", "fi-stat", "fi-tax")
ROLES = ("gateway", *(f"exchange.{one}" for one in DATASETS), *(f"connector.{one}" for one in DATASETS))
REGISTRY = "penstock.registry"
LEFT_OUT: dict[str, set[Attempt]] = {
    "gateway": {("write", "_schemas"), ("transaction", REGISTRY), ("write", "penstock.erasures")}
}
"""What the running gateway does itself, and would be disturbed in."""


def provider_topic(dataset: str) -> str:
    return f"{DATASETS[dataset]}.{dataset}.v1"


def lane(dataset: str) -> str:
    return f"penstock.{ECO}.exchange.{provider_topic(dataset)}"


def everything(world: AccessWorld) -> dict[str, list[str]]:
    """Every topic there is, and a group and a transactional id of everybody."""
    views = [f"view.{key}" for key in world.ecosystem.agreements()]
    provided = [name for one in DATASETS for name in (provider_topic(one), f"quarantine.{one}")]
    lanes = [lane(one) for one in DATASETS]
    fixed = [f"penstock.{ECO}.control", f"penstock.{ECO}.consents", f"penstock.{ECO}.erasures", REGISTRY]
    sources = [f"penstock.{ECO}.connectors.{one}" for one in DATASETS]
    return {
        "topics": [*OWN, *provided, *views],
        "groups": [*lanes, *(f"{one}.readers" for one in MEMBERS), "anybody"],
        "transactions": [*fixed, *sources, *(f"{one}.0" for one in lanes), *(f"{one}.writer" for one in MEMBERS)],
    }


def allowed(world: AccessWorld, principal: str) -> set[Attempt]:
    return set(
        _of_member(world, principal.removeprefix("member.")) if principal.startswith("member.") else _of_role(principal)
    )


def _of_member(world: AccessWorld, member: str) -> Iterator[Attempt]:
    for key, text in world.ecosystem.agreements().items():
        until_when = datetime.fromisoformat(str(text["valid"]["until"]))
        if text["recipient"] == member and until_when > datetime.now(UTC) and key not in world.terminated:
            yield from (("describe", f"view.{key}"), ("read", f"view.{key}"), ("group", f"{member}.readers"))
    for dataset, provider in DATASETS.items():
        if provider == member:
            topic = provider_topic(dataset)
            yield from (("describe", topic), ("write", topic), ("transaction", f"{member}.writer"))


def _of_role(principal: str) -> Iterator[Attempt]:
    role, _, dataset = principal.partition(".")
    reads, writes = {"penstock.control"}, set()
    if role == "gateway":
        reads |= {"_schemas", "penstock.consents", "penstock.slots", "penstock.erasures"}
        writes |= {"_schemas", "penstock.slots", "penstock.erasures"}
        yield from (("transaction", f"{lane(one)}.0") for one in DATASETS)  # to fence who does not answer
    elif role == "exchange":
        reads |= {provider_topic(dataset), "penstock.consents", "penstock.lanes"}
        writes |= {f"quarantine.{dataset}", "penstock.audit", "penstock.disclosures", *VIEWS[dataset]}
        writes |= {"penstock.lanes", "penstock.slots"}
        yield from (("group", lane(dataset)), ("transaction", f"{lane(dataset)}.0"))
    else:
        reads |= {provider_topic(dataset), "penstock.sources"}
        writes |= {provider_topic(dataset), "penstock.sources", "penstock.audit", f"quarantine.{dataset}"}
        yield ("transaction", f"penstock.{ECO}.connectors.{dataset}")
    yield from (("read", one) for one in reads)
    yield from (("write", one) for one in writes)
    yield from (("describe", one) for one in reads | writes)


VIEWS: dict[str, list[str]] = {}


@pytest.fixture(scope="module")
def refusals(world: AccessWorld) -> Iterator[KafkaRefusals]:
    """The broker's log from before the first attempt on."""
    for key, text in world.ecosystem.agreements().items():
        if key not in world.terminated:
            VIEWS.setdefault(text["dataset"], []).append(f"view.{key}")
    follower = KafkaRefusals(world.ecosystem.directory / ".penstock/broker/logs/broker.0.log", frozenset)
    yield follower
    follower.close()


@pytest.fixture(scope="module")
def outcomes(world: AccessWorld, refusals: KafkaRefusals) -> dict[str, Outcomes]:
    """What became of everybody's attempts."""
    principals = [*ROLES, *(f"member.{one}" for one in MEMBERS)]
    with ThreadPoolExecutor(4) as pool:
        done = pool.map(lambda one: Caller(world.settings(one)).attempt(**_left(world, one)), principals)
    return dict(zip(principals, done, strict=True))


def _left(world: AccessWorld, principal: str) -> dict[str, list[str]]:
    return {**everything(world), "leave": sorted(LEFT_OUT.get(principal, ()))}  # type: ignore[dict-item]


def holes(found: Outcomes, may: set[Attempt]) -> list[Attempt]:
    """Return attempts that were let through and should not have been."""
    return sorted(attempt for attempt, outcome in found.items() if outcome == LET_IN and attempt not in may)


def test_there_is_something_to_be_had(world: AccessWorld, outcomes: dict[str, Outcomes]) -> None:
    assert set(MEMBERS) == set(world.members)
    there = set(world.wiring.cluster().client()) and set(everything(world)["topics"])
    assert len(there) == 21
    assert all(len(found) >= 70 for found in outcomes.values())


@pytest.mark.parametrize("principal", [*ROLES, *(f"member.{one}" for one in MEMBERS)])
def test_each_may_do_its_own_and_nothing_else(
    world: AccessWorld, outcomes: dict[str, Outcomes], principal: str
) -> None:
    found, may = outcomes[principal], allowed(world, principal) - LEFT_OUT.get(principal, set())
    assert holes(found, may) == []
    assert {one: found[one] for one in may} == dict.fromkeys(may, LET_IN)
    refused = {outcome for attempt, outcome in found.items() if attempt not in may}
    assert refused <= {
        "TOPIC_AUTHORIZATION_FAILED",
        "GROUP_AUTHORIZATION_FAILED",
        "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
    }


def test_every_refusal_is_in_the_count(refusals: KafkaRefusals, outcomes: dict[str, Outcomes]) -> None:
    """Each attempt that was refused left its line: by principal, operation's resource and reason."""
    seen: set[tuple[str, str]] = set()

    def missing() -> list[tuple[str, str]]:
        seen.update((who, words.rpartition(" ")[2]) for who, _, words in refusals.lines())
        return [
            (who, f"{KINDS[kind]}:LITERAL:{name}")
            for who, found in outcomes.items()
            for (kind, name), outcome in found.items()
            if outcome != LET_IN and (who, f"{KINDS[kind]}:LITERAL:{name}") not in seen
        ]

    deadline = time.monotonic() + 20
    while (left := missing()) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left == []


def test_the_gateway_shows_the_count(world: AccessWorld, outcomes: dict[str, Outcomes]) -> None:
    """By principal and reason. A topic that one may not see is refused once for describing, reading and writing."""
    port = int(world.ecosystem.facts("gateway")["port"])

    def counted() -> dict[str, float]:
        page = read_page((ask(port, "/metrics", 5) or (0, ""))[1]).get("penstock_access_refused_total", [])
        return {
            labels["principal"]: number
            for labels, number in page
            if (labels["door"], labels["reason"]) == ("kafka", "authorization")
        }

    refused = {who: sum(one != LET_IN for one in found.values()) // 3 for who, found in outcomes.items()}
    until(lambda: all(counted().get(who, 0) >= number for who, number in refused.items()), "the gateway counts too few")


KINDS = {"describe": "Topic", "read": "Topic", "write": "Topic", "group": "Group", "transaction": "TransactionalId"}


@pytest.mark.parametrize("who", ["wrong password", "another's password", "no such user", "nobody"])
def test_who_cannot_prove_who_it_is_gets_nothing(world: AccessWorld, refusals: KafkaRefusals, who: str) -> None:
    list(refusals.lines())
    found = Caller(_stranger(world, who)).attempt(**everything(world))
    assert LET_IN not in found.values()
    until(lambda: any(reason == "authentication" for _, reason, _ in refusals.lines()), "it was not counted", 20)


def _stranger(world: AccessWorld, who: str) -> dict[str, Any]:
    own = world.settings("member.fi-tax")
    if who == "wrong password":
        return {**own, **scram("operator", "not-the-password")}
    if who == "another's password":
        return {**own, **scram("operator", str(own["sasl.password"]))}
    if who == "no such user":
        return {**own, **scram("member.mallory", str(own["sasl.password"]))}
    return {key: value for key, value in own.items() if not key.startswith(("sasl.", "security."))}


@pytest.mark.parametrize(
    ("rule", "hole"),
    [
        (Rule("member.fi-kela", "READ", "topic", "view.", prefixed=True), ("read", "view.ee-fi-income")),
        (Rule("member.fi-kela", "WRITE", "transactional-id", "*"), ("transaction", f"{lane('tax-residency')}.0")),
        (Rule("*", "DESCRIBE", "topic", "penstock.audit"), ("describe", "penstock.audit")),
    ],
)
def test_the_check_finds_a_planted_hole(world: AccessWorld, rule: Rule, hole: Attempt) -> None:
    """And so does `plan`, until `apply` mends it."""
    kind, name = hole
    caller = Caller(world.settings("member.fi-kela"))
    names: dict[str, list[str]] = {"topics": [], "groups": [], "transactions": []}
    names["transactions" if kind == "transaction" else "topics"].append(name)
    may = allowed(world, "member.fi-kela")
    assert holes(caller.attempt(**names), may) == []
    world.admin.add([rule])
    try:
        until(lambda: hole in holes(caller.attempt(**names), may), "the hole is not found")
        planned = [one for one in world.plan() if one["what"] == "access"]
        assert [(one["id"], one["message"].partition(":")[0]) for one in planned] == [(rule.principal, str(rule))]
        world.apply()
        assert [one for one in world.plan() if one["what"] == "access"] == []
        until(lambda: holes(caller.attempt(**names), may) == [], "the hole is still there")
    finally:
        world.admin.drop([rule])
