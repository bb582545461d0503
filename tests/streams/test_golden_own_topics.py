"""Generations and source positions, byte by byte (the other records of ours: tests/processors/test_records.py)."""

import json
from pathlib import Path

import pytest
from view_world import contract_of, record

from penstock.schemas.audit import Counts, ExchangeAudit, InputRange
from penstock.schemas.canonical import canonical, digest
from penstock.schemas.contract_quality import Future, Late, Quality, Range, Unit
from penstock.schemas.errors import RecordError
from penstock.schemas.generation import content_digest, contract_from, contract_record, from_record, to_record
from penstock.schemas.lane_state import lane_state_from
from penstock.schemas.ports import SourceRecord
from penstock.schemas.versioned import pack, unpack
from penstock.streams.control import KEY
from penstock.streams.sources import mark

GOLDEN_FILES = Path(__file__).parents[1] / "golden"
LANES = json.loads((GOLDEN_FILES / "lanes_1.json").read_text())
GOLDEN = json.loads((GOLDEN_FILES / "own_topics_1.json").read_text())
WHEN = {"type": "long", "logicalType": "timestamp-millis"}
FLAGS = {"type": "array", "items": "string"}


class Taken:
    """Stands for a transaction and keeps what it is given."""

    def __init__(self):
        self.records = []

    def produce(self, topic, value, *, key=None, partition=-1):
        self.records.append((topic, key.decode(), value.hex()))
        assert partition == 0


def test_the_golden_generation():
    held = GOLDEN["generation"]
    value = bytes.fromhex(held["bytes"])
    assert KEY.decode() == held["key"]
    assert unpack(value) == held["says"]
    generation = from_record(unpack(value))
    assert pack(to_record(generation)) == value
    assert content_digest(generation) == held["content_digest"]
    assert (generation.number, generation.ecosystem, generation.at_ms) == (7, "eco", 1_780_000_000_000)
    assert sorted(generation.contracts["income"].writers) == [7, 11]
    agreement = generation.agreements["ee-fi"]
    assert (agreement.status, agreement.signed, agreement.view_schema_id) == ("suspended", True, 8)
    assert agreement.view_schema["penstock.view"]["agreement"] == "ee-fi"


def test_the_golden_contract_of_the_edge():
    """One that states a window, rules, a field for flags and what becomes of unknown fields."""
    held = json.loads((GOLDEN_FILES / "contract_edge_1.json").read_text())
    contract = contract_from(held["says"])
    assert canonical(contract_record(contract)).hex() == held["bytes"]
    assert json.loads(bytes.fromhex(held["bytes"])) == held["says"]
    assert digest(contract_record(contract)) == held["digest"]
    assert contract == contract_of(
        record(("id", "string"), ("at", WHEN), ("pm10", ["null", "double"]), ("unit", "string"), ("flags", FLAGS)),
        subject=None,
        duplicate_window="PT1H",
        quality=(
            Quality("", Future(rule="future", after="PT1M")),
            Quality("", Late(rule="late", after="PT10M")),
            Quality("pm10", Range(rule="range", minimum=0, maximum=1000.5)),
            Quality("unit", Unit(rule="unit", one_of=("GQ", "UG_M3"))),
        ),
        quality_flags="flags",
        drops_unknown=True,
    )


def test_the_golden_source_positions():
    taken = Taken()
    position = {"file": "payments-01.ndjson", "row": 2000, "sha256": "9f86d081"}
    mark(taken, "payments", [SourceRecord(position, "payments-01.ndjson:2000", {}, finishes="9f86d081")])
    held = [GOLDEN["finished"], GOLDEN["position"]]
    assert taken.records == [("penstock.sources", one["key"], one["bytes"]) for one in held]
    assert [unpack(bytes.fromhex(one["bytes"])) for one in held] == [one["says"] for one in held]


def test_the_golden_lane_states():
    for held in LANES["states"]:
        state = lane_state_from(bytes.fromhex(held["bytes"]))
        assert (state.key().decode(), state.to_value().hex()) == (held["key"], held["bytes"])
        assert unpack(state.to_value()) == held["says"]
    parked, start, joined = (lane_state_from(bytes.fromhex(held["bytes"])) for held in LANES["states"])
    assert (parked.behind, parked.reason, parked.error, parked.since) == (
        True,
        "parked",
        "TOPIC_AUTHORIZATION_FAILED",
        250,
    )
    assert (start.behind, start.reason, start.next, start.since) == (True, "start", 1000, 4000)
    assert (joined.behind, joined.reason, joined.next) == (False, "", 4100)


@pytest.mark.parametrize(
    "change", [{"kind": "slot"}, {"state": "lost"}, {"next": -1}, {"next": True}, {"reason": "no"}]
)
def test_what_is_no_lane_state_is_refused(change):
    with pytest.raises(RecordError):
        lane_state_from(pack(LANES["states"][0]["says"] | change))


def test_the_golden_audit_records_that_speak_of_lanes():
    for held in LANES["audits"]:
        says = held["says"]
        inputs = {int(partition): InputRange(*span) for partition, span in says["inputs"].items()}
        agreements = {key: Counts(**one) for key, one in says["agreements"].items()}
        rest = {key: value for key, value in says.items() if key != "kind"}
        audit = ExchangeAudit(**{**rest, "inputs": inputs, "agreements": agreements})
        assert pack(audit.to_record()).hex() == held["bytes"]
        assert audit.to_record() == says


def test_the_golden_generation_that_speaks_of_lanes():
    held = LANES["generation"]
    generation = from_record(unpack(bytes.fromhex(held["bytes"])))
    assert (pack(to_record(generation)).hex(), to_record(generation)) == (held["bytes"], held["says"])
    assert content_digest(generation) == held["content_digest"]
    agreement = generation.agreements["ee-fi"]
    assert (agreement.start, agreement.lane, agreement.agreement.on_resume) == ({0: 0, 2: 1500}, 1, "catch-up")
