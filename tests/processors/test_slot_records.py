"""What slots say, byte by byte, and what is no slot's word."""

import json
from pathlib import Path

import pytest

from penstock.schemas.errors import RecordError
from penstock.schemas.slot_record import GoneRecord, SlotPlace, SlotRecord, slot_record_from
from penstock.schemas.versioned import pack, unpack

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "slots_1.json").read_text())["records"]
ID = "penstock.eco.exchange.ee-tax.income-payments.v1.0"
WORD = SlotRecord(
    SlotPlace(ID, "income-payments", "penstock.eco.exchange.ee-tax.income-payments.v1", 1763799000000),
    generation=7,
    consent_offset=41,
)
GONE = GoneRecord(ID, offset=12)


@pytest.mark.parametrize(("record", "golden"), list(zip((WORD, GONE), GOLDEN, strict=True)))
def test_golden_slot_records(record, golden):
    value = bytes.fromhex(golden["bytes"])
    assert unpack(value) == golden["says"]
    assert record.to_value() == value
    assert slot_record_from(value) == record
    assert record.key().decode() == golden["key"]


@pytest.mark.parametrize(
    "said",
    [
        [],
        None,
        {"kind": "other"},
        {"kind": "gone", "slot": ID, "offset": True},
        {"kind": "gone", "slot": 7, "offset": 1},
        {**unpack(WORD.to_value()), "generation": "7"},
        {key: value for key, value in unpack(WORD.to_value()).items() if key != "epoch"},
    ],
)
def test_anything_else_is_no_slot_record(said):
    with pytest.raises(RecordError, match="not a slot record"):
        slot_record_from(pack(said))
