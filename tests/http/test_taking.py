"""What an HTTP source takes, asked through ASGI: forms of bodies, receipts, and what it refuses."""

import asyncio
import json
import threading

import pytest
from http_stand import AVRO, JSON, LINES, PATH, Stand, event, events, lines, pumping

OVER = {"max_body_bytes": 2000, "max_records": 5, "max_depth": 6}


@pytest.fixture
def taking(tmp_path):
    with pumping(tmp_path, **OVER) as (stand, pump):
        yield stand, pump


def test_one_event_is_answered_after_its_commit(tmp_path):
    stand = Stand(tmp_path)
    with stand.pump(held=True) as pump:

        async def talk():
            asked = asyncio.ensure_future(stand.post(event(1)))
            await asyncio.to_thread(pump.decided.wait, 10)
            early = asked.done()
            pump.go.set()
            return early, await asked

        early, reply = asyncio.run(talk())
        assert not early
        assert (reply.status, reply.json["accepted"], reply.json["quarantined"]) == (202, 1, [])
        assert reply.headers["content-type"] == JSON
        assert [one["id"] for one in pump.published] == ["e1"]
        assert stand.edge.requests == [202]
        assert stand.edge.queued == 0


@pytest.mark.parametrize(
    ("media", "query", "body"),
    [
        (JSON, "", json.dumps(events(1, 2)).encode()),
        ("Application/JSON; charset=UTF-8", "encoding=plain", json.dumps(events(1, 2)).encode()),
        (LINES, "", lines(events(1)) + b"\n\n" + lines(events(2))),
        (AVRO, "", json.dumps([{**one, "at": 1, "amount": {"long": 7}} for one in events(1, 2)]).encode()),
        (LINES, "encoding=avro-json", lines([{**one, "at": 1, "amount": None} for one in events(1, 2)])),
    ],
)
def test_a_batch_may_be_written_in_any_form(taking, media, query, body):
    stand, pump = taking
    reply = asyncio.run(stand.post(body, media=media, query=query))
    assert (reply.status, reply.json["accepted"]) == (202, 2), reply.json
    assert [one["id"] for one in pump.published] == ["e1", "e2"]


def test_bad_records_of_a_batch_are_listed_and_the_good_ones_go_on(taking):
    stand, pump = taking
    body = lines([event(1), {**event(2), "amount": "much"}]) + b'{"id": \n' + lines([event(3)])
    reply = asyncio.run(stand.post(body, media=LINES))
    said = reply.json
    assert (reply.status, said["accepted"]) == (202, 2)
    assert said["quarantined"] == [{"index": 1, "reason": "type"}, {"index": 2, "reason": "encoding"}]
    assert "much" not in reply.body.decode()
    assert [one["id"] for one in pump.published] == ["e1", "e3"]
    mixed = asyncio.run(stand.post([event(4), 7, None]))
    assert mixed.json["quarantined"] == [{"index": 1, "reason": "encoding"}, {"index": 2, "reason": "encoding"}]


def test_a_single_event_that_is_quarantined_is_a_422(taking):
    stand, _ = taking
    reply = asyncio.run(stand.post({**event(1), "amount": "much"}))
    assert (reply.status, reply.json["quarantined"]) == (422, [{"index": 0, "reason": "type"}])
    avro = asyncio.run(stand.post({**event(1), "at": 1}, media=AVRO))
    assert (avro.status, avro.json["quarantined"]) == (422, [{"index": 0, "reason": "type"}])


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not_json"),
        (b"{", "not_json"),
        (b'{"id": NaN}', "not_json"),
        (b'{"id": 1e999}', "not_json"),
        (b'{"id": 1, "id": 2}', "not_json"),
        (b'"\xff"', "encoding"),
        (b'{"id": "\\ud800"}', "encoding"),
        (b"[]", "empty"),
        (b"7", "not_an_event"),
        (b"[" * 7 + b"]" * 7, "depth"),
        (b"[" * 990 + b"]" * 990, "depth"),
    ],
)
def test_a_body_that_is_no_usable_json_is_a_400(taking, body, reason):
    stand, pump = taking
    reply = asyncio.run(stand.post(body))
    assert (reply.status, reply.json["reason"]) == (400, reason)
    assert reply.headers["content-type"] == "application/problem+json"
    assert pump.batches == []


def test_a_line_that_is_too_deep_is_refused_alone(taking):
    stand, _ = taking
    deep = {**event(1), "amount": [[[[[[1]]]]]]}
    reply = asyncio.run(stand.post(lines([deep, event(2)]), media=LINES))
    assert (reply.json["accepted"], reply.json["quarantined"]) == (1, [{"index": 0, "reason": "encoding"}])


def test_limits_of_size_and_number(taking):
    stand, pump = taking
    large = json.dumps({"id": "x" * 3000}).encode()
    for body, more in ((large, {}), ([large[:1500], large[1500:]], {})):
        reply = asyncio.run(stand.ask("POST", PATH, _head(stand), body, **more))
        assert (reply.status, reply.json["reason"]) == (413, "body_too_large")
    many = asyncio.run(stand.post(lines(events(*range(6))), media=LINES))
    assert (many.status, many.json["reason"]) == (413, "too_many_records")
    assert pump.batches == []


def test_a_body_that_does_not_come_in_time_is_a_408(tmp_path):
    with pumping(tmp_path, body_seconds=0.3) as (stand, _):
        reply = asyncio.run(stand.ask("POST", PATH, _head(stand), [b"{", b'"id"', b": ", b"1}"], pause_s=1.5))
    assert (reply.status, reply.headers["connection"]) == (408, "close")


@pytest.mark.parametrize(
    ("method", "path", "headers", "query", "status"),
    [
        ("POST", "/v1/datasets/other/events", {}, "", 404),
        ("GET", "/", {}, "", 404),
        ("GET", PATH, {}, "", 405),
        ("DELETE", "/v1/health", {}, "", 405),
        ("POST", PATH, {"content-type": "text/csv"}, "", 415),
        ("POST", PATH, {"content-type": "application/json; charset=latin-1"}, "", 415),
        ("POST", PATH, {"content-type": JSON, "content-encoding": "gzip"}, "", 415),
        ("POST", PATH, {"content-type": JSON, "idempotency-key": "ä"}, "", 400),
        ("POST", PATH, {"content-type": JSON, "idempotency-key": "x" * 256}, "", 400),
        ("POST", PATH, {"content-type": JSON}, "encoding=xml", 400),
        ("POST", PATH, {"content-type": JSON}, "encoding=plain&encoding=plain", 400),
    ],
)
def test_what_is_not_offered(taking, method, path, headers, query, status):  # noqa: PLR0917 - a row of a table
    stand, pump = taking
    head = {"authorization": f"Bearer {stand.token}", **headers}
    reply = asyncio.run(stand.ask(method, path, head, b'{"id": 1}', query=query))
    assert reply.status == status, reply.body
    assert reply.json["status"] == status
    if status == 405:
        assert reply.headers["allow"] in {"POST", "GET, HEAD"}
    assert pump.batches == []


def test_health_and_description(tmp_path):
    stand = Stand(tmp_path)
    assert asyncio.run(stand.ask("GET", "/v1/health")).status == 503
    assert asyncio.run(stand.post(event(1))).status == 503
    with stand.pump():
        assert asyncio.run(stand.ask("GET", "/v1/health")).json == {"state": "running"}
        assert asyncio.run(stand.ask("HEAD", "/v1/health")).body == b""
        described = asyncio.run(stand.ask("GET", "/openapi.json")).json
    assert PATH in described["paths"]
    stopped = asyncio.run(stand.post(event(1)))
    assert (stopped.status, stopped.json["reason"]) == (503, "stopping")


def test_a_member_that_sends_more_than_agreed_waits(tmp_path):
    with pumping(tmp_path, rate_per_second=1) as (stand, pump):
        first = asyncio.run(stand.post(events(*range(30))))
        second = asyncio.run(stand.post(event(31)))
        assert (first.status, second.status, second.json["reason"]) == (202, 429, "rate")
        assert 20 <= int(second.headers["retry-after"]) <= 28  # 30 less the burst of 2
        assert stand.edge.refusals == [("ee", "rate")]
        assert len(pump.published) == 30


def test_what_waits_is_bounded_by_records_and_bytes(tmp_path):
    for name, limits in {"records": {"queue_records": 4, "max_records": 4}, "bytes": {"queue_bytes": 500}}.items():
        folder = tmp_path / name
        folder.mkdir()
        stand = Stand(folder, max_body_bytes=400, **limits)
        with stand.pump(held=True) as pump:

            async def talk(stand=stand, pump=pump):
                waiting = asyncio.ensure_future(stand.post(lines(events(1, 2, 3)), media=LINES))
                await asyncio.to_thread(pump.decided.wait, 10)
                full = await stand.post(lines([*events(4, 5), {"id": "x" * 200}]), media=LINES)
                pump.go.set()
                return full, await waiting

            full, waited = asyncio.run(talk())
            assert (full.status, full.json["reason"], full.headers["retry-after"]) == (429, "full", "1")
            assert waited.status == 202
            assert asyncio.run(stand.post(event(6))).status == 202  # there is room again


def test_once_it_is_full_nothing_is_looked_into_until_there_is_some_room(tmp_path):
    """Bodies that are no JSON show whether anybody looked into them."""
    stand = Stand(tmp_path, queue_records=4, max_records=4)
    with stand.pump(held=True) as pump:

        async def talk():
            waiting = asyncio.ensure_future(stand.post(lines(events(1, 2, 3, 4)), media=LINES))
            await asyncio.to_thread(pump.decided.wait, 10)
            answers = [await stand.post(body) for body in (b"{", event(5), b"{")]
            pump.go.set()
            await waiting
            return [one.json["reason"] for one in [*answers, await stand.post(b"{")]]

        assert asyncio.run(talk()) == ["not_json", "full", "full", "not_json"]


def test_who_waits_when_it_stops_is_told_to_come_again(tmp_path):
    stand = Stand(tmp_path)
    with stand.pump(held=True) as pump:

        async def talk():
            given = asyncio.ensure_future(stand.post(event(1)))
            await asyncio.to_thread(pump.decided.wait, 10)
            queued = asyncio.ensure_future(stand.post(event(2)))
            while stand.source._desk.records < 2:  # noqa: ASYNC110 - its own loop takes it in
                await asyncio.sleep(0.01)
            threading.Thread(target=stand.source.stop).start()
            return await queued, await given

        for reply in asyncio.run(talk()):
            assert (reply.status, reply.json["reason"], reply.headers["connection"]) == (
                503,
                "outcome_unknown",
                "close",
            )


def test_a_commit_that_takes_too_long_is_a_503_and_the_event_counts_once(tmp_path):
    stand = Stand(tmp_path, answer_seconds=0.1)
    with stand.pump(held=True) as pump:
        reply = asyncio.run(stand.post(event(1), key="k"))
        assert (reply.status, reply.json["reason"], reply.headers["retry-after"]) == (503, "outcome_unknown", "1")
        again = asyncio.run(stand.post(event(1), key="k"))
        assert (again.status, again.json["reason"]) == (409, "in_progress")
        pump.go.set()

        async def later():
            while (reply := await stand.post(event(1), key="k")).status == 409:  # noqa: ASYNC110 - as a client would
                await asyncio.sleep(0.01)
            return reply

        found = asyncio.run(later())
        assert (found.status, found.headers["idempotency-replayed"]) == (202, "true")
        assert len(pump.published) == 1


def _head(stand):
    return {"authorization": f"Bearer {stand.token}", "content-type": JSON}
