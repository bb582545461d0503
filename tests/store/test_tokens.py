"""Tokens: shown once, known by their digest, good for a time."""

import sqlite3

import pytest

from penstock.ops.store import tokens as token_module
from penstock.ops.store.engine import open_sqlite
from penstock.ops.store.tokens import TokenStore


@pytest.fixture
def tokens(tmp_path):
    return TokenStore(open_sqlite(tmp_path / "store.db"))


def test_a_token_says_whose_it_is(tokens):
    one, other = tokens.issue("fi-tax"), tokens.issue("ee-stat")
    assert (tokens.member_of(one), tokens.member_of(other)) == ("fi-tax", "ee-stat")
    assert tokens.issue("fi-tax") != one
    assert len(one) > 40


@pytest.mark.parametrize("wrong", ["", "pst_", "x", "pst_" + "a" * 43, "' OR 1=1 --"])
def test_an_unknown_token_is_nobodys(tokens, wrong):
    tokens.issue("fi-tax")
    assert tokens.member_of(wrong) is None


def test_a_changed_token_is_nobodys(tokens):
    token = tokens.issue("fi-tax")
    assert tokens.member_of(token[:-1] + ("A" if token[-1] != "A" else "B")) is None
    assert tokens.member_of(token + " ") is None


def test_a_token_ends(tokens, monkeypatch):
    token = tokens.issue("fi-tax", days=1)
    now = token_module.now_ms()
    monkeypatch.setattr(token_module, "now_ms", lambda: now + 86_400_000 - 10_000)
    assert tokens.member_of(token) == "fi-tax"
    monkeypatch.setattr(token_module, "now_ms", lambda: now + 86_400_001)
    assert tokens.member_of(token) is None


def test_a_revoked_token_is_nobodys_at_once(tokens):
    token, other = tokens.issue("fi-tax"), tokens.issue("fi-tax")
    assert tokens.revoke(token)
    assert tokens.member_of(token) is None
    assert tokens.member_of(other) == "fi-tax"
    assert not tokens.revoke("pst_unknown")


def test_the_store_holds_no_token(tokens, tmp_path):
    token = tokens.issue("fi-tax")
    tokens._engine.dispose()
    assert token.encode() not in b"".join(path.read_bytes() for path in tmp_path.iterdir())
    connection = sqlite3.connect(tmp_path / "store.db")
    assert [len(row[0]) for row in connection.execute("SELECT digest FROM tokens")] == [32]
    connection.close()


@pytest.mark.parametrize("scope", token_module.SCOPES)
def test_a_token_opens_the_doors_of_its_scope_only(tokens, scope):
    token = tokens.issue("fi-tax", scope=scope)
    opens = {other: tokens.member_of(token, other) for other in token_module.SCOPES}
    assert opens == {other: "fi-tax" if other == scope else None for other in token_module.SCOPES}


def test_asking_says_why_and_whose(tokens, monkeypatch):
    good, revoked, short = tokens.issue("fi-tax"), tokens.issue("ee-stat"), tokens.issue("se-ssb", days=1)
    tokens.revoke(revoked)
    now = token_module.now_ms()
    monkeypatch.setattr(token_module, "now_ms", lambda: now + 86_400_001)
    said = [tokens.ask(one, "keys") for one in (good, revoked, short, "pst_x")]
    assert [(one.member, one.why) for one in said] == [
        ("fi-tax", ""),
        ("ee-stat", "revoked"),
        ("se-ssb", "expired"),
        (None, "authentication"),
    ]
    assert tokens.ask(good, "registry") == token_module.Asked("fi-tax", "scope", "keys")
    assert tokens.ask(good, "registry", "keys").why == ""


def test_tokens_are_listed_and_revoked_by_an_id_that_opens_nothing(tokens):
    token = tokens.issue("fi-tax", scope="publish", label="the lab's")
    (listed,) = tokens.issued()
    assert (listed.member, listed.scope, listed.label, listed.revoked_ms) == ("fi-tax", "publish", "the lab's", None)
    assert tokens.member_of(listed.id, "publish") is None
    assert tokens.revoke(listed.id)
    assert tokens.member_of(token, "publish") is None
    assert tokens.issued()[0].revoked_ms is not None


def test_all_tokens_of_a_member_are_revoked_at_once(tokens):
    mine = [tokens.issue("fi-tax", scope=scope) for scope in token_module.SCOPES]
    other = tokens.issue("ee-stat")
    assert tokens.revoke_member("fi-tax") == len(mine)
    assert tokens.revoke_member("fi-tax") == 0
    assert [tokens.ask(one, *token_module.SCOPES).why for one in mine] == ["revoked"] * len(mine)
    assert tokens.member_of(other) == "ee-stat"
