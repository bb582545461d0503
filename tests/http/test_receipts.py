"""The same key and body count once, over repeats, restarts and kills; keys are each member's own."""

import asyncio
import json
from pathlib import Path

import pytest
import sqlalchemy
from http_stand import LINES, Stand, event, events, lines, pumping

from penstock.connectors.http.receipts import KEPT_MS, Part, final, final_body, keyed, part_body, part_key
from penstock.ops.store.engine import open_sqlite
from penstock.ops.store.receipts import ReceiptStore
from penstock.schemas.errors import RoleExit
from penstock.schemas.ports import Receipt, Verdict

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "http_source_1.json"


def test_the_same_key_and_body_get_the_same_receipt(tmp_path):
    with pumping(tmp_path) as (stand, pump):
        first = asyncio.run(stand.post(events(1, 2), key="a-key"))
        again = asyncio.run(stand.post(events(1, 2), key='"a-key"'))
        assert (first.status, again.status, again.json) == (202, 202, first.json)
        assert "idempotency-replayed" not in first.headers
        assert again.headers["idempotency-replayed"] == "true"
        other = asyncio.run(stand.post(events(1, 3), key="a-key"))
        assert (other.status, other.json["reason"]) == (422, "key_reused")
        form = asyncio.run(stand.post(events(1, 2), key="a-key", query="encoding=avro-json"))
        assert (form.status, form.json["reason"]) == (422, "key_reused")
        assert len(pump.published) == 2
        second = asyncio.run(stand.post(events(1, 2), key="another"))
        assert second.json["receipt"] != first.json["receipt"]


def test_a_key_is_forgotten_after_a_day_and_not_before(tmp_path):
    with pumping(tmp_path) as (stand, pump):
        asyncio.run(stand.post(event(1), key="k"))
        stand.now_ms += KEPT_MS
        assert asyncio.run(stand.post(event(1), key="k")).headers.get("idempotency-replayed") == "true"
        stand.now_ms += 1
        assert "idempotency-replayed" not in asyncio.run(stand.post(event(1), key="k")).headers
        assert len(pump.published) == 2


def test_a_refused_single_event_is_refused_alike_again(tmp_path):
    with pumping(tmp_path) as (stand, pump):
        bad = {**event(1), "amount": "much"}
        first, again = (asyncio.run(stand.post(bad, key="k")) for _ in range(2))
        assert (first.status, again.status, again.json) == (422, 422, first.json)
        assert len(pump.batches) == 1


@pytest.mark.parametrize("when", ["decided", "committed"])
def test_a_receipt_counts_only_if_its_request_was_committed(tmp_path, when):
    """A process that wrote the receipt and ended before the commit, or right after it."""
    stand = Stand(tmp_path, answer_seconds=0.3)
    with stand.pump(dies=(when, 1)) as pump:
        assert asyncio.run(stand.post(event(1), key="k")).status == 503
        pump.wait_for_its_end()
    with pumping(tmp_path, pump.position) as (after, rest):
        reply = asyncio.run(after.post(event(1), key="k"))
        assert reply.status == 202
        assert ("idempotency-replayed" in reply.headers) == (when == "committed")
        assert len(pump.published + rest.published) == 1
        assert rest.position == {"sequence": 1}
    with pumping(tmp_path, rest.position) as (later, none):
        again = asyncio.run(later.post(event(1), key="k"))
        assert (again.json, again.headers["idempotency-replayed"]) == (reply.json, "true")
        assert none.published == []


@pytest.mark.parametrize("when", ["decided", "committed"])
def test_a_request_of_several_batches_resumes_where_its_last_committed_batch_ended(tmp_path, when):
    rows = [*events(0, 1), {"id": "e2"}, *events(3, 4, 5, 6, 7, 8, 9)]
    body = lines(rows)
    stand = Stand(tmp_path, answer_seconds=0.3)
    with stand.pump(limit=4, dies=(when, 2)) as pump:
        assert asyncio.run(stand.post(body, media=LINES, key="k")).status == 503
        pump.wait_for_its_end()
    assert [record.position for record in pump.batches[0]] == [{"sequence": 0}] * 3 + [{"sequence": 1}]
    with pumping(tmp_path, pump.position) as (after, rest):
        reply = asyncio.run(after.post(body, media=LINES, key="k"))
        said = reply.json
        assert (reply.status, said["accepted"]) == (202, 9)
        assert said["quarantined"] == [{"index": 2, "reason": "columns"}]
        assert [one["id"] for one in pump.published + rest.published] == [f"e{n}" for n in range(10) if n != 2]
        assert len(rest.batches[0]) == (4 if when == "decided" else 2)


def test_parts_of_a_request_with_another_body_are_no_use(tmp_path):
    stand = Stand(tmp_path, answer_seconds=0.3)
    with stand.pump(limit=2, dies=("committed", 1)) as pump:
        asyncio.run(stand.post(events(1, 2, 3), key="k"))
        pump.wait_for_its_end()
    with pumping(tmp_path, pump.position) as (after, rest):
        assert asyncio.run(after.post(events(1, 2), key="k")).status == 422
        assert asyncio.run(after.post(events(1, 2, 3), key="k")).json["accepted"] == 3
        assert [one["id"] for one in rest.published] == ["e3"]


def test_opening_again_gives_again_what_was_not_committed(tmp_path):
    stand = Stand(tmp_path)
    source = stand.source
    source.open(None, lambda _: False)

    async def talk():
        asked = [asyncio.ensure_future(stand.post(one, key=f"k{n}")) for n, one in enumerate(([event(1)], [event(2)]))]
        while stand.source._desk.records < 2:  # noqa: ASYNC110 - its own loop takes it in
            await asyncio.sleep(0.01)
        given = source.batches(1)
        first = [next(given), next(given)]
        source.open({"sequence": 0}, lambda _: False)
        again = source.batches(2)
        second = next(again)
        assert [one.value for batch in first for one in batch] == [one.value for one in second]
        assert [one.position for one in second] == [{"sequence": 1}, {"sequence": 2}]
        source.decided([Verdict("published"), Verdict("duplicate")])
        source.committed({"sequence": 2})
        return [await one for one in asked]

    replies = asyncio.run(talk())
    assert sorted((one.json["accepted"], one.json["duplicates"]) for one in replies) == [(0, 1), (1, 0)]
    source.stop()


def test_two_requests_with_one_key_at_a_time_are_a_409(tmp_path):
    stand = Stand(tmp_path)
    with stand.pump(held=True) as pump:

        async def talk():
            first = asyncio.ensure_future(stand.post(event(1), key="k"))
            await asyncio.to_thread(pump.decided.wait, 10)
            second = await stand.post(event(1), key="k")
            pump.go.set()
            return second, await first

        second, first = asyncio.run(talk())
        assert (second.status, second.headers["retry-after"], first.status) == (409, "1", 202)


def test_a_request_that_is_not_taken_leaves_its_key_free(tmp_path):
    with pumping(tmp_path) as (stand, _):
        assert asyncio.run(stand.post(b"{", key="k")).status == 400
        assert asyncio.run(stand.post(event(1), key="k")).status == 202


def test_a_process_that_was_replaced_keeps_no_receipt(tmp_path):
    engine = open_sqlite(tmp_path / "store.db")
    old, new = ReceiptStore(engine), ReceiptStore(engine)
    one = Receipt(1, b"k" * 32, b"b" * 32, "{}", 1)
    with pytest.raises(RoleExit):
        old.keep("gate", [one])
    old.forget_after("gate", 0)
    old.keep("gate", [one])
    new.forget_after("gate", 0)
    assert new.find("gate", one.key_digest) is None
    with pytest.raises(RoleExit):
        old.keep("gate", [one])
    new.keep("gate", [one])
    assert new.find("gate", one.key_digest) == one


def test_old_receipts_are_found_by_their_age(tmp_path):
    """At every commit: read one by one, a day's receipts of a busy source would take longer each time."""
    engine = open_sqlite(tmp_path / "store.db")
    store, said = ReceiptStore(engine), []
    store.forget_after("gate", 0)
    store.keep("gate", [Receipt(1, b"a", b"b", "{}", 5), Receipt(2, b"c", b"b", "{}", 6)])

    def explain(connection, _cursor, statement, parameters, *_):
        if "at_ms <" in statement:
            plan = connection.connection.cursor().execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            said.extend(row[3] for row in plan)

    sqlalchemy.event.listen(engine, "before_cursor_execute", explain)
    store.keep("gate", [Receipt(3, b"d", b"b", "{}", KEPT_MS + 6)])
    assert len(said) == 1
    assert "at_ms" in said[0]
    assert [store.find("gate", key) is not None for key in (b"a", b"c", b"d")] == [False, True, True]


def test_keys_are_each_members_own():
    assert keyed("a", "bc", "f", b"").key != keyed("ab", "c", "f", b"").key
    assert keyed("a", "k", "f", b"").key != keyed("b", "k", "f", b"").key


def test_the_stored_forms_stay_as_they_are():
    golden = json.loads(GOLDEN.read_text())
    part = Part.of(2_000, [Verdict("published"), Verdict("duplicate"), Verdict("quarantined", "type", "field `a`")])
    answer = final("0123456789abcdef0123456789abcdef", "2026-06-01T00:00:00.000+00:00", [part], single=False)
    request = keyed("ee", "a key", "form", b"{}")
    assert golden == {
        "about": "what an HTTP source keeps: bodies of receipts, the digests they lie under, and its position",
        "answer": final_body(answer),
        "part": part_body(part),
        "member": "ee",
        "key": "a key",
        "key_digest": request.key.hex(),
        "part_digest": part_key(request.key, 2_000).hex(),
        "position": {"sequence": 7},
    }
