"""`penstock tokens`: shown once, named by an id, ended by it."""

import shutil
import sqlite3

import pytest
from ecosystem import EXAMPLE, cli

from penstock.ops.wiring import Wiring


@pytest.fixture
def directory(tmp_path):
    made = tmp_path / "eco"
    shutil.copytree(EXAMPLE, made, ignore=shutil.ignore_patterns("*.py", "__pycache__", "inbox", ".penstock"))
    return made


def run(directory, *words):
    return cli("tokens", *words, "--in", str(directory))


def rows(directory):
    return run(directory, "list", "--json").json


def test_a_token_is_printed_alone_and_once(directory):
    done = run(directory, "issue", "fi-tax", "--scope", "publish", "--days", "2", "--label", "the sensors'")
    token = done.out.removesuffix("\n")
    assert token.startswith("pst_")
    assert "\n" not in token
    assert token not in done.err
    (row,) = rows(directory)
    assert (row["member"], row["scope"], row["label"], row["state"]) == ("fi-tax", "publish", "the sensors'", "good")
    assert row["id"] in done.err
    assert Wiring(directory).tokens().member_of(token, "publish") == "fi-tax"
    assert token not in run(directory, "list").out + run(directory, "list", "--json").out
    held = b"".join(path.read_bytes() for path in (directory / ".penstock").rglob("*") if path.is_file())
    assert token.encode() not in held
    connection = sqlite3.connect(directory / ".penstock" / "store.db")
    assert [len(digest) for (digest,) in connection.execute("SELECT digest FROM tokens")] == [32]
    connection.close()


def test_json_tells_the_token_beside_what_lists_say(directory):
    said = run(directory, "issue", "fi-tax", "--json").json
    assert {**rows(directory)[0], "token": said["token"]} == said
    assert said["scope"] == "keys"


def test_a_token_is_ended_by_its_id_and_all_of_a_member_at_once(directory):
    tokens = [run(directory, "issue", "fi-tax").out.strip() for _ in range(2)]
    other = run(directory, "issue", "ee-stat").out.strip()
    store = Wiring(directory).tokens()
    assert run(directory, "revoke", store.issued_as(tokens[0]).id).code == 0
    assert [store.ask(one, "keys").why for one in tokens] == ["revoked", ""]
    done = run(directory, "revoke", "--member", "fi-tax")
    assert (done.code, done.err) == (0, "1 tokens of fi-tax are revoked\n")
    assert [store.ask(one, "keys").why for one in (*tokens, other)] == ["revoked", "revoked", ""]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["issue", "nobody"], 3),
        (["issue", "nobody", "--kafka"], 3),
        (["issue", "fi-tax", "--scope", "everything"], 2),
        (["issue", "fi-tax", "--days", "0"], 2),
        (["revoke", "000000000000"], 3),
        (["revoke"], 2),
        (["revoke", "000000000000", "--member", "fi-tax"], 2),
        (["revoke", "000000000000", "--kafka"], 2),
    ],
)
def test_what_cannot_be_done_is_said(directory, words, code):
    done = run(directory, *words)
    assert done.code == code
    assert done.out == ""
    assert rows(directory) == []
    assert done.err
