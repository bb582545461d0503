"""Who may send: the provider's own token or certificate, and nobody else's; each refusal is counted."""

import asyncio

import pytest
from http_stand import Stand, event, pumping

from penstock.ops.store import tokens as tokens_module
from penstock.schemas.errors import UnavailableError


@pytest.fixture
def door(tmp_path):
    with pumping(tmp_path) as (stand, pump):
        yield stand, pump


def _expired(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> str:
    with monkeypatch.context() as patch:
        patch.setattr(tokens_module, "now_ms", lambda: 1)
        return stand.tokens.issue("ee", scope="publish")


def test_tokens_that_are_no_good(door, monkeypatch):
    stand, pump = door
    revoked = stand.tokens.issue("ee", scope="publish")
    stand.tokens.revoke(revoked)
    cases = {
        "": (401, "authentication", None),
        "pst_wrong": (401, "authentication", None),
        "x" * 5000: (401, "authentication", None),
        _expired(stand, monkeypatch): (401, "expired", "ee"),
        revoked: (401, "revoked", "ee"),
        stand.tokens.issue("ee", scope="keys"): (403, "scope", "ee"),
        stand.tokens.issue("fi", scope="publish"): (403, "authorization", "fi"),
    }
    for token, (status, reason, member) in cases.items():
        stand.edge.refusals.clear()
        reply = asyncio.run(stand.post(event(1), token=token))
        assert (reply.status, stand.edge.refusals) == (status, [(member, reason)])
        assert ("www-authenticate" in reply.headers) == (status == 401)
        assert not token or token not in reply.body.decode()
    assert pump.batches == []


def test_only_bearer_tokens_and_one_of_them(door):
    stand, _ = door
    for header in (stand.token, f"Basic {stand.token}", "Bearer", f"Bearer {stand.token} x"):
        assert asyncio.run(stand.post(event(1), token="", headers={"authorization": header})).status == 401


def test_a_certificate_stands_in_for_a_token(door):
    stand, pump = door
    assert asyncio.run(stand.post(event(1), token="", certificate="ee")).status == 202
    assert asyncio.run(stand.post(event(2), certificate="ee")).status == 202
    assert asyncio.run(stand.post(event(3), token="", certificate="fi")).status == 403
    assert asyncio.run(stand.post(event(4), certificate="fi")).status == 403
    assert asyncio.run(stand.post(event(5), token="pst_wrong", certificate="ee")).status == 401
    reasons = [("fi", "authorization"), ("fi", "certificate"), (None, "authentication")]
    assert stand.edge.refusals == reasons
    assert len(pump.published) == 2


def test_nothing_of_a_body_is_read_before_it_is_known_who_sends(tmp_path):
    stand = Stand(tmp_path, body_seconds=30)
    with stand.pump():
        head = {"authorization": "Bearer pst_wrong", "content-type": "application/json", "expect": "100-continue"}
        reply = asyncio.run(stand.ask("POST", "/v1/datasets/income/events", head, [b"{", b"}"], pause_s=60))
        assert (reply.status, reply.headers["connection"]) == (401, "close")


def test_a_store_that_does_not_answer_is_a_503(door, monkeypatch):
    stand, _ = door

    def fails(*_: object) -> None:
        raise UnavailableError("the key store does not answer")

    monkeypatch.setattr(stand.tokens, "ask", fails)
    reply = asyncio.run(stand.post(event(1)))
    assert (reply.status, reply.json["reason"], reply.headers["retry-after"]) == (503, "unavailable", "1")
