"""Rights follow from what is in force, and from nothing else."""

from dataclasses import replace

import pytest
from generations import AT_MS, generation_of
from hypothesis import given
from hypothesis import strategies as st

from penstock.processors.access import Scene, next_lapse_ms, wanted_roles, wanted_rules
from penstock.processors.access_drift import drift
from penstock.schemas.access import SESSIONLESS_GROUP, Rule, is_ours

TOPICS = ("view.ee-fi", "ee.income.v1", "penstock.audit", "elsewhere", "*")
PRINCIPALS = ("gateway", "exchange.income", "connector.files", "member.fi", "member.ee", "member.gone", "operator", "*")

statuses = st.sampled_from(["in_force", "suspended", "terminated"])
rules = st.builds(
    Rule,
    principal=st.sampled_from(PRINCIPALS),
    operation=st.sampled_from(["READ", "WRITE", "ALL"]),
    kind=st.just("topic"),
    name=st.sampled_from(TOPICS),
    prefixed=st.booleans(),
    allows=st.booleans(),
)


def scene_of(at_ms: int = AT_MS, *, barred: frozenset[str] = frozenset(), **said: object) -> Scene:
    return Scene("eco", generation_of(**said), at_ms, frozenset(("income",)), {"files": "income"}, barred)


def of(principal: str, scene: Scene) -> set[tuple[str, str, str]]:
    return {(one.operation, one.kind, one.name) for one in wanted_rules(scene) if one.principal == principal}


def test_a_recipient_reads_its_view_and_a_provider_writes_its_topic() -> None:
    scene = scene_of()
    assert of("member.fi", scene) == {("READ", "topic", "view.ee-fi"), ("READ", "group", "fi.")}
    assert of("member.ee", scene) == {("WRITE", "topic", "ee.income.v1"), ("WRITE", "transactional-id", "ee.")}


def test_each_role_has_what_it_needs_and_no_more() -> None:
    scene = scene_of()
    lane = "penstock.eco.exchange.ee.income.v1"
    unused = ("DESCRIBE", "group", SESSIONLESS_GROUP)
    assert of("gateway", scene) == {
        unused,
        ("READ", "topic", "penstock.control"),
        ("READ", "topic", "penstock.consents"),
        ("READ", "topic", "penstock.slots"),
        ("READ", "topic", "penstock.erasures"),
        ("READ", "topic", "_schemas"),
        ("WRITE", "topic", "_schemas"),
        ("WRITE", "topic", "penstock.slots"),
        ("WRITE", "topic", "penstock.erasures"),
        ("WRITE", "transactional-id", "penstock.registry"),
        ("WRITE", "transactional-id", "penstock.eco.exchange."),
    }
    read = {
        ("READ", "topic", one) for one in ("ee.income.v1", "penstock.control", "penstock.consents", "penstock.lanes")
    }
    logs = ("penstock.audit", "penstock.disclosures", "penstock.lanes", "penstock.slots")
    written = ("view.ee-fi", "quarantine.income", *logs)
    assert of("exchange.income", scene) == {
        *read,
        *(("WRITE", "topic", one) for one in written),
        ("READ", "group", lane),
        ("WRITE", "transactional-id", f"{lane}."),
        unused,
    }
    read = {("READ", "topic", one) for one in ("ee.income.v1", "penstock.control", "penstock.sources")}
    written = ("ee.income.v1", "quarantine.income", "penstock.audit", "penstock.sources")
    assert of("connector.files", scene) == {
        *read,
        *(("WRITE", "topic", one) for one in written),
        ("WRITE", "transactional-id", "penstock.eco.connectors.files"),
        unused,
    }


def test_before_the_first_generation_roles_may_wait_for_it_and_members_nothing() -> None:
    scene = Scene("eco", None, AT_MS, frozenset(("income",)), {"files": "income"})
    assert {one.principal for one in wanted_rules(scene)} == {"gateway", "exchange.income", "connector.files"}
    assert of("exchange.income", scene) == {
        ("READ", "topic", "penstock.control"),
        ("DESCRIBE", "group", SESSIONLESS_GROUP),
    }
    assert wanted_roles(scene) == {"gateway", "exchange.income", "connector.files"}
    assert drift(scene, [Rule("member.fi", "READ", "topic", "x")], ["member.fi"], exclusive=True).surplus == set()


@pytest.mark.parametrize("status", ["suspended", "terminated"])
def test_an_agreement_that_is_not_in_force_opens_nothing(status: str) -> None:
    assert of("member.fi", scene_of(status=status)) == set()
    writes = ("WRITE", "topic", "view.ee-fi") in of("exchange.income", scene_of(status=status))
    assert writes is (status == "suspended")


def test_an_agreement_is_over_when_its_validity_is() -> None:
    generation = generation_of()
    end = next_lapse_ms(generation, AT_MS)
    assert end == 1_798_761_600_000
    assert of("member.fi", scene_of(end - 1))
    assert of("member.fi", scene_of(end)) == set()
    assert next_lapse_ms(generation, end) is None


def test_who_is_barred_has_no_right() -> None:
    scene = scene_of(barred=frozenset(("member.fi", "member.ee")))
    assert of("member.fi", scene) == of("member.ee", scene) == set()


@given(statuses, st.integers(AT_MS, 2 * AT_MS), st.booleans())
def test_no_rule_is_a_wildcard_and_all_are_ours(status: str, at_ms: int, barred: bool) -> None:  # noqa: FBT001
    scene = scene_of(at_ms, status=status, barred=frozenset(("member.fi",)) if barred else frozenset())
    for rule in wanted_rules(scene):
        assert is_ours(rule.principal)
        assert rule.allows
        assert rule.host == "*"
        assert "*" not in rule.name
        assert rule.kind != "topic" or not rule.prefixed
        assert rule.name.endswith(".") or not rule.prefixed
        assert rule.operation in {"READ", "WRITE", "DESCRIBE"}


@given(st.frozensets(rules), st.frozensets(st.sampled_from(PRINCIPALS)), statuses, st.booleans())
def test_mending_drift_once_is_enough(
    held: frozenset[Rule],
    users: frozenset[str],
    status: str,
    exclusive: bool,  # noqa: FBT001
) -> None:
    """Whatever lies there: after mending nothing drifts, everything wanted is there, strangers are as they were."""
    scene = scene_of(status=status)
    found = drift(scene, held, users, exclusive=exclusive)
    after = (held - found.surplus) | found.missing
    there = (users - found.surplus_users) | found.missing_users
    assert not drift(scene, after, there, exclusive=exclusive)
    assert wanted_rules(scene) <= after
    assert {one for one in after if is_ours(one.principal)} == wanted_rules(scene)
    strangers = {one for one in held if one.principal == "operator"}
    assert strangers <= after
    assert "operator" not in found.surplus_users
    assert wanted_roles(scene) <= there


@pytest.mark.parametrize(
    ("rule", "exclusive", "taken"),
    [
        (Rule("*", "READ", "topic", "view.ee-fi"), False, True),
        (Rule("*", "READ", "topic", "*"), False, False),
        (Rule("*", "READ", "topic", "view.", prefixed=True), False, False),
        (Rule("*", "READ", "topic", "*"), True, True),
        (Rule("*", "READ", "topic", "*", allows=False), True, False),
        (Rule("monitoring", "READ", "topic", "view.ee-fi"), True, False),
        (Rule("member.fi", "READ", "topic", "*"), False, True),
        (Rule("member.fi", "READ", "topic", "view.ee-fi", host="10.0.0.1"), False, True),
    ],
)
def test_what_is_let_to_everybody_is_taken_where_it_is_ours(rule: Rule, exclusive: bool, taken: bool) -> None:  # noqa: FBT001
    scene = scene_of()
    found = drift(scene, {*wanted_rules(scene), rule}, wanted_roles(scene), exclusive=exclusive)
    assert found.surplus == ({rule} if taken else set())


def test_of_sources_that_are_not_known_nothing_changes() -> None:
    scene = replace(scene_of(), sources=None)
    held = [Rule("connector.files", "WRITE", "topic", "ee.income.v1")]
    found = drift(scene, held, ["connector.files"], exclusive=True)
    assert found.surplus == set()
    assert found.surplus_users == set()


@pytest.mark.parametrize(
    "name", ["operator", "broker", "*", "ANONYMOUS", "member", "member.", "member.a.b", "gateway.x"]
)
def test_other_principals_are_not_ours(name: str) -> None:
    assert not is_ours(name)
