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
    now = token_module._now_ms()
    monkeypatch.setattr(token_module, "_now_ms", lambda: now + 86_400_000 - 10_000)
    assert tokens.member_of(token) == "fi-tax"
    monkeypatch.setattr(token_module, "_now_ms", lambda: now + 86_400_001)
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
