"""The checker of the fault bench sees what it is for: ten planted faults, by name; and finds nothing in honest work."""

import base64
import struct
from types import SimpleNamespace

import pytest
import segments
from checker_findings import KINDS
from checker_leaks import Canaries
from checker_recovery import percentile, recoveries
from planted import Bed, counted, is_caught
from planted_faults import FAULTS

CANARY = "00112233445566778899aabbccddeeff"
ELSEWHERE = b"\x93key=" + b"f0e1d2c3b4a5968778695a4b3c2d1e0f" + b"\x00\x01rest of a record"


@pytest.fixture(scope="module")
def bed(kafka_installed, tmp_path_factory):
    with Bed.laid(tmp_path_factory.mktemp("planted")) as laid:
        yield laid


@pytest.mark.broker
@pytest.mark.parametrize("number", range(1, len(FAULTS) + 1), ids=[one.name for one in FAULTS])
def test_a_planted_fault_is_caught_and_nothing_else_is_seen(bed, number):
    fault = FAULTS[number - 1]
    result = bed.plant(number, fault)
    assert is_caught(fault, result), (counted(result), result["examples"])


@pytest.mark.broker
def test_attempts_that_were_aborted_and_made_again_are_honest(bed):
    result = bed.plant_nothing(len(FAULTS) + 1)
    assert (counted(result), result["examples"]) == ({}, {})
    assert result["aborted"] == result["transactions"] > 0


def test_the_ten_faults_cover_all_that_the_checker_counts():
    assert len(FAULTS) == 10
    assert {kind for fault in FAULTS for kind in fault.found} == set(KINDS)


FORMS = {
    "text": CANARY.encode(),
    "upper case": CANARY.upper().encode(),
    "a uuid": b"00112233-4455-6677-8899-aabbccddeeff",
    "half of it": CANARY[16:].encode(),
    "utf-16": CANARY.encode("utf-16-le"),
    "utf-16, the other way": CANARY.encode("utf-16-be"),
    "hexadecimal": CANARY.encode().hex().encode(),
    "its bytes": bytes.fromhex(CANARY),
    "base64": base64.b64encode(CANARY.encode()),
    "base64 of more": base64.b64encode(b"name=" + CANARY.encode() + b";"),
    "base64 for URLs": base64.urlsafe_b64encode(b"??>" + CANARY.encode()).rstrip(b"="),
    "zlib": __import__("zlib").compress(b"x" * 99 + CANARY.encode()),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("before", range(9))
def test_a_canary_is_found_in_every_form_wherever_it_begins(form, before):
    canaries = Canaries([("3/7", b"\x40" + CANARY.encode() + b"\x02")])
    assert canaries.found_in(b"\xff" * before + b"\x01" + FORMS[form] + b"\x01\xff") is not None
    assert canaries.found_in(b"\xff" * before + ELSEWHERE) is None


def batch(offset, pid, epoch, flags, *records):
    payload = b"".join(varint(len(one)) + one for one in records)
    head = (offset, len(payload) + 49, 0, 2, 0, flags, len(records) - 1, 5, 5, pid, epoch, 0, len(records))
    return segments.HEAD.pack(*head) + payload


def varint(number):
    number, out = (number << 1) ^ (number >> 63), b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def record(delta, key, value):
    parts = b"".join(varint(-1) if one is None else varint(len(one)) + one for one in (key, value))
    return b"\0" + varint(0) + varint(delta) + parts + varint(1) + varint(1) + b"h" + varint(2) + b"hv"


def marker(committed):
    return b"\0" + varint(0) + varint(0) + varint(4) + struct.pack(">hh", 0, committed) + varint(0) + varint(0)


def test_records_know_how_the_transaction_ended_that_they_are_part_of(tmp_path):
    inside, control = segments.TRANSACTIONAL, segments.TRANSACTIONAL | segments.CONTROL
    data = b"".join(
        (
            batch(0, 1, 0, inside, record(0, b"k", b"a" * 200), record(1, None, b"b")),
            batch(2, 2, 5, inside, record(0, b"k", None)),
            batch(3, 1, 0, control, marker(1)),
            batch(4, 2, 6, control, marker(0)),
            batch(5, -1, -1, 0, record(0, b"k", b"c")),
            batch(6, 1, 0, inside, record(0, b"k", b"d")),
            batch(7, 1, 0, inside, record(0, b"k", b"cut short"))[:-3],
        )
    )
    (tmp_path / "00.log").write_bytes(data)
    log = segments.log_of("topic", 0, [tmp_path])
    outcomes = [(one.offset, one.attempt.outcome) for one in log.entries]
    assert outcomes == [(0, "committed"), (1, "committed"), (2, "aborted"), (5, "plain"), (6, "open")]
    assert log.entries[0][1:4] == (b"k", b"a" * 200, (("h", b"hv"),))
    assert list(log.open) == [1]


def waiting(*commits):
    """Evidence of one partition, whose records came at 0, 10, 20 … ms and were committed as said: (when, end)."""
    inputs = {0: {offset: SimpleNamespace(at_ms=10 * offset) for offset in range(100)}}
    audits = [
        SimpleNamespace(
            visible=True, ranges={0: (0, end)}, entry=SimpleNamespace(attempt=SimpleNamespace(ended_ms=when))
        )
        for when, end in commits
    ]
    return SimpleNamespace(inputs=inputs, audits=audits)


def fault(at_ms, kind="worker_kill", **more):
    return {"at_ms": at_ms, "kind": kind, "worker": 1, "partitions": [0], "healed_ms": at_ms, **more}


def test_recovery_is_the_time_to_the_next_commit_of_what_waited():
    evidence = waiting((100, 8), (900, 20))
    assert recoveries(evidence, [fault(150)]) == {"worker_kill": [0.75]}


def test_a_worker_killed_again_before_it_recovered_counts_from_the_last_time():
    evidence = waiting((100, 8), (900, 20))
    assert recoveries(evidence, [fault(150), fault(400)]) == {"worker_kill": [0.5]}


def test_kills_while_kafka_was_away_are_counted_apart():
    evidence = waiting((100, 8), (900, 20))
    found = recoveries(evidence, [fault(150), fault(160, "broker_kill", healed_ms=500)])
    assert found == {"worker_kill_overlapping": [0.75], "broker_kill_overlapping": [0.74]}


def test_kills_while_kafka_was_on_its_way_back_are_counted_apart():
    evidence = waiting((100, 8), (400, 14), (900, 20))
    away = fault(110, "broker_kill", healed_ms=120, moved_ms=450)
    found = recoveries(evidence, [away, fault(140)])
    assert found == {"worker_kill_overlapping": [0.26], "broker_kill_overlapping": [0.29]}


def test_a_kill_of_kafka_beside_nothing_else_counts_by_itself():
    found = recoveries(waiting((100, 8), (900, 20)), [fault(110, "broker_kill", healed_ms=500), fault(950)])
    assert found["broker_kill"] == [0.79]


def test_kills_beside_what_disturbs_no_stream_count():
    found = recoveries(waiting((100, 8), (900, 20)), [fault(150), fault(160, "gateway_kill", healed_ms=500)])
    assert found["worker_kill"] == [0.75]


def test_where_no_input_waited_nothing_had_to_recover():
    assert recoveries(waiting((100, 100), (900, 100)), [fault(150)]) == {}


@pytest.mark.parametrize(("share", "time"), [(0.5, 2.0), (0.95, 4.0), (0.99, 4.0), (0.25, 1.0)])
def test_a_percentile_is_a_time_that_was_measured(share, time):
    assert percentile([1.0, 2.0, 3.0, 4.0], share) == time
    assert percentile([], share) is None
