"""Generations and source positions, byte by byte (the other records of ours: tests/processors/test_records.py)."""

import json
from pathlib import Path

from penstock.schemas.generation import content_digest, from_record, to_record
from penstock.schemas.ports import SourceRecord
from penstock.schemas.versioned import pack, unpack
from penstock.streams.control import KEY
from penstock.streams.sources import mark

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "own_topics_1.json").read_text())


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


def test_the_golden_source_positions():
    taken = Taken()
    position = {"file": "payments-01.ndjson", "row": 2000, "sha256": "9f86d081"}
    mark(taken, "payments", [SourceRecord(position, "payments-01.ndjson:2000", {}, finishes="9f86d081")])
    held = [GOLDEN["finished"], GOLDEN["position"]]
    assert taken.records == [("penstock.sources", one["key"], one["bytes"]) for one in held]
    assert [unpack(bytes.fromhex(one["bytes"])) for one in held] == [one["says"] for one in held]
