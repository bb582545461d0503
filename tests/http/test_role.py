"""The real role on the real broker: 202 means committed, once, whatever is killed or silent in between."""

import contextlib
import http.client
import json
import signal
import socket
import threading
import time

import pytest
from ecosystem import until
from http_stand import LINES, PATH, event, events, lines
from open_files import room_for

pytestmark = pytest.mark.broker


def test_an_event_can_be_read_when_its_202_is_there(stand, role):
    got = role.client().post(event(1), key="one")
    assert (got.status, got.json["accepted"]) == (202, 1)
    assert stand.published().count("e1") == 1
    again = role.client().post(event(1), key="one")
    assert (again.json, again.headers["idempotency-replayed"]) == (got.json, "true")
    assert stand.published().count("e1") == 1


def test_a_request_larger_than_a_batch_and_one_with_bad_lines(stand, role):
    rows = [{"id": "bad"}, *events(*range(10_000, 15_000))]
    got = role.client().post(lines(rows), media=LINES, key="large")
    assert (got.status, got.json["accepted"], got.json["quarantined"]) == (
        202,
        5_000,
        [{"index": 0, "reason": "columns"}],
    )
    found = stand.published()
    assert sorted(one for one in found if one in {row["id"] for row in rows}) == sorted(row["id"] for row in rows[1:])


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_kill_around_the_commit_and_a_retry_count_once(stand, when):
    one = event(100 + len(when))
    with stand.role(f"killed-{when}", dies=when) as role:
        with pytest.raises((OSError, http.client.HTTPException)):
            role.client().post([one], key="k")
        assert role.process.wait(10) == -signal.SIGKILL
        url = role.url
    with stand.role(f"killed-{when}") as role:
        assert role.url == url
        got = role.client().post([one], key="k")
        assert (got.status, got.json["accepted"]) == (202, 1)
        assert ("idempotency-replayed" in got.headers) == (when == "after")
        assert role.client().post([one], key="k").json == got.json
    assert stand.published().count(one["id"]) == 1


def test_a_broker_that_is_silent_for_a_while(stand):
    one = event(201)
    with stand.role("silent", answer_seconds=1) as role:
        client = role.client()
        # The first commit may take longer than a second.
        until(lambda: client.post(event(200), key="first").status == 202, "nothing is committed")
        with stand.silent_broker():
            got = client.post(one, key="k")
            assert (got.status, got.json["reason"], got.headers["retry-after"]) == (503, "outcome_unknown", "1")
            assert client.post(one, key="k").status == 409

        def answered():
            with contextlib.suppress(OSError):
                found = client.post(one, key="k")
                return found if found.status == 202 else None

        got = until(answered, "the event is not committed", 60)
        assert got.json["accepted"] == 1
    assert stand.published().count(one["id"]) == 1


@pytest.mark.alone
def test_who_waits_when_the_role_is_stopped_gets_a_503_and_the_role_ends_in_time(stand):
    got = []
    with stand.role("stopped") as role:
        assert role.client().post(event(300)).status == 202
        with stand.silent_broker():
            threads = [
                threading.Thread(target=lambda n=n: got.append(role.client().post(event(301 + n)))) for n in range(5)
            ]
            for thread in threads:
                thread.start()
            until(lambda: 'penstock_source_queue_records{source="stopped"} 5.0' in role.metrics(), "nobody waits")
            started = time.monotonic()
            role.process.terminate()
            for thread in threads:
                thread.join()
            answered = time.monotonic() - started
            assert role.process.wait(10) == 0
            assert answered < 4
            assert time.monotonic() - started < 6  # 5 s, and the end of a process
    assert [(one.status, one.json["reason"]) for one in got] == [(503, "outcome_unknown")] * 5


def test_a_thousand_slow_clients_hold_nobody_up(role):
    """Some never finish their head, some their body; a connection more than may be takes the place of an idle one."""
    host, port = role.url.removeprefix("http://").split(":")
    head = (
        f"POST {PATH} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {role.token}\r\ncontent-type: application/json\r\n"
    )
    body = (head + "content-length: 100\r\n\r\n{").encode()
    with room_for(2_000), contextlib.ExitStack() as stack:
        slow = [stack.enter_context(socket.create_connection((host, int(port)))) for _ in range(1000)]
        for number, one in enumerate(slow):
            one.sendall(body if number % 2 else head.encode())
        quick = []
        for number in range(5):
            started = time.monotonic()
            assert role.client().post(event(400 + number)).status == 202
            quick.append(time.monotonic() - started)
        assert sorted(quick)[2] < 1.5
        answers = [_all_of(one) for one in slow]
    assert {one[:12] for one in answers[1::2]} == {b"HTTP/1.1 408"}
    assert set(answers[::2]) == {b""}
    assert role.client().post(event(410)).status == 202


def test_more_connections_than_may_be(role):
    host, port = role.url.removeprefix("http://").split(":")
    with room_for(2_000), contextlib.ExitStack() as stack:
        idle = [stack.enter_context(socket.create_connection((host, int(port)))) for _ in range(1500)]
        assert role.client().post(event(420)).status == 202
        assert _all_of(idle[0]) == b""  # the oldest had to go


def _all_of(one: socket.socket) -> bytes:
    one.settimeout(20)
    found = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := one.recv(4096):
            found += piece
    return found


def test_what_the_role_counts(stand, role):
    other = stand.tokens.issue("fi", scope="publish")
    client = role.client()
    assert client.post(event(500)).status == 202
    assert role.client(token=other).post(event(501)).status == 403
    assert role.client(token="pst_wrong").post(event(501)).status == 401
    page = role.metrics()
    assert 'penstock_http_requests_total{source="gate",status="202"}' in page
    assert 'penstock_http_request_seconds_count{source="gate"}' in page
    assert 'door="ingest",principal="unknown",reason="authentication"' in page
    assert 'door="ingest"' in page
    assert 'reason="authorization"' in page
    log = (stand.folder / "gate.log").read_text()
    assert other not in log
    assert stand.token not in log


def test_revoking_a_token_acts_at_once(stand, role):
    token = stand.tokens.issue("ee", scope="publish")
    client = role.client(token=token)
    assert client.post(event(600)).status == 202
    stand.tokens.revoke(token)
    assert client.post(event(601)).status == 401


def test_a_client_that_leaves_before_its_answer(stand, role):
    host, port = role.url.removeprefix("http://").split(":")
    data = json.dumps(event(700)).encode()
    with socket.create_connection((host, int(port))) as one:
        head = f"POST {PATH} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {role.token}\r\nidempotency-key: gone\r\n"
        one.sendall((head + f"content-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n").encode() + data)
    # Whether it was taken or not: asked again, it counts once.
    until(lambda: role.client().post(event(700), key="gone").status == 202, "it is not taken")
    assert stand.published().count("e700") == 1
