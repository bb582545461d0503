"""What may go wrong at the edges: the test of each clause, since they stand beside what they try."""

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]

CLAUSES = {
    "wrong token": (
        "http/test_who.py::test_tokens_that_are_no_good",
        "http/test_who.py::test_only_bearer_tokens_and_one_of_them",
        "gateway/test_everybody.py::test_whoever_has_no_good_credential_gets_nowhere_and_is_counted",
    ),
    "expired token": (
        "http/test_who.py::test_tokens_that_are_no_good",
        "gateway/test_everybody.py::test_whoever_has_no_good_credential_gets_nowhere_and_is_counted",
    ),
    "revoked token": (
        "http/test_role.py::test_revoking_a_token_acts_at_once",
        "http/test_who.py::test_tokens_that_are_no_good",
        "gateway/test_partner.py::test_a_revoked_token_opens_nothing_from_then_on",
    ),
    "foreign token": (
        "http/test_who.py::test_tokens_that_are_no_good",
        "gateway/test_everybody.py::test_a_member_gets_its_own_and_nothing_else",
    ),
    "body too large": (
        "http/test_taking.py::test_limits_of_size_and_number",
        "mqtt/test_source.py::test_bad_messages_are_refused_each_with_its_reason",
    ),
    "body too deep": (
        "http/test_taking.py::test_a_body_that_is_no_usable_json_is_a_400",
        "http/test_taking.py::test_a_line_that_is_too_deep_is_refused_alone",
        "mqtt/test_source.py::test_a_message_nested_too_deep_is_refused",
    ),
    "body not JSON": (
        "http/test_taking.py::test_a_body_that_is_no_usable_json_is_a_400",
        "http/test_fuzz.py::test_schemathesis_finds_no_failure",
        "mqtt/test_publishing.py::test_what_is_refused_lies_in_quarantine_and_its_neighbours_go_on",
    ),
    "1,000 slow clients": ("http/test_role.py::test_a_thousand_slow_clients_hold_nobody_up",),
    "an MQTT topic that maps to nothing": ("mqtt/test_source.py::test_bad_messages_are_refused_each_with_its_reason",),
    "retained messages": (
        "mqtt/test_source.py::test_retained_and_empty_messages_are_counted_and_left_alone",
        "mqtt/test_source.py::test_retained_messages_can_be_taken_once_a_session",
    ),
    "duplicate messages": (
        "mqtt/test_publishing.py::test_ten_thousand_messages_over_two_kills_are_published_once_each",
        "streams/test_duplicates.py::test_another_record_under_a_known_id_is_quarantined",
        "streams/test_duplicates.py::test_a_restart_knows_what_was_published",
    ),
    "a broker that drops the connection mid-publish": (
        "mqtt/test_parts.py::test_any_walk_of_losses_and_commits_gives_each_message_once_and_acknowledges_it",
        "mqtt/test_source.py::test_connections_that_break_in_mid_message_repeat_and_lose_nothing",
        "mqtt/test_source.py::test_a_broker_that_ends_and_starts_again_loses_nothing_that_it_handed_over",
        "streams/test_publisher.py::test_a_connection_that_breaks_at_the_commit_publishes_each_record_once",
        "http/test_role.py::test_a_broker_that_is_silent_for_a_while",
    ),
    "a certificate of another member": (
        "http/test_tls.py::test_a_certificate_of_another_member_opens_nothing",
        "gateway/test_tls.py::test_a_certificate_of_another_member_is_refused_beside_a_token",
        "gateway/test_tls.py::test_a_certificate_opens_nothing_of_others",
    ),
    "a client on another's topic": (
        "access/test_everybody_against_everything.py::test_each_may_do_its_own_and_nothing_else",
        "access/test_everybody_against_everything.py::test_every_refusal_is_in_the_count",
    ),
    "a client on another's group": (
        "access/test_everybody_against_everything.py::test_each_may_do_its_own_and_nothing_else",
        "access/test_everybody_against_everything.py::test_every_refusal_is_in_the_count",
    ),
    "a client on another's transactional id": (
        "access/test_everybody_against_everything.py::test_each_may_do_its_own_and_nothing_else",
        "access/test_everybody_against_everything.py::test_every_refusal_is_in_the_count",
    ),
    "a metric label that would carry an id": (
        "metrics/test_label_guard.py::test_a_label_that_is_not_of_the_list_is_refused_when_it_is_declared",
        "metrics/test_label_guard.py::test_a_role_with_a_metric_around_the_guard_does_not_start",
    ),
}


def is_there(test: str) -> bool:
    """Say whether a test is defined where its name says."""
    file, _, name = test.partition("::")
    path = TESTS / file
    tree = ast.parse(path.read_text()) if path.is_file() else ast.Module([], [])
    return name.startswith("test_") and any(isinstance(one, ast.FunctionDef) and one.name == name for one in tree.body)


@pytest.mark.parametrize("clause", CLAUSES)
def test_every_clause_has_its_tests(clause: str) -> None:
    assert CLAUSES[clause]
    assert [test for test in CLAUSES[clause] if not is_there(test)] == []


@pytest.mark.parametrize(
    "test",
    [
        "http/test_who.py::test_tokens",
        "http/test_who.py::_expired",
        "http/test_whom.py::test_tokens_that_are_no_good",
        "http/test_who.py",
    ],
)
def test_one_that_is_gone_is_missed(test: str) -> None:
    assert not is_there(test)
