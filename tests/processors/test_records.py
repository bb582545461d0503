"""Audit, disclosure and consent records: golden bytes, and no room in them for a field's value."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.schemas.audit import Counts, ExchangeAudit, InputRange, PublisherAudit
from penstock.schemas.consent import ConsentRecord, consent_from
from penstock.schemas.disclosure import DisclosureForm, DisclosureRecord
from penstock.schemas.errors import RecordError
from penstock.schemas.versioned import pack, unpack

GOLDEN_FILES = Path(__file__).parents[1] / "golden"
GOLDEN = json.loads((GOLDEN_FILES / "audit_1.json").read_text())["records"]
GOLDEN_EDGE = json.loads((GOLDEN_FILES / "audit_publisher_1.json").read_text())["records"]
SUBJECT = bytes(range(16))
AT_MS = 1763800000000
EXCHANGE = ExchangeAudit(
    dataset="income-payments",
    generation=7,
    consent_offset=41,
    decided_at_ms=AT_MS,
    slot="penstock.eco.exchange.income-payments.0",
    epoch=1763799000000,
    inputs={0: InputRange(100, 250, 149), 3: InputRange(7, 8, 1)},
    agreements={
        "ee-fi-income": Counts(120, {"predicate": 25, "key_unavailable": 4}, 1),
        "ee-stat": Counts(0, {"suspended": 150}, 0),
    },
    refused=0,
    unclassified={"payee.shoe_size": 120},
)
PUBLISHER = PublisherAudit("payments", "income-payments", AT_MS, published=500, quarantined=2)
AT_THE_EDGE = PublisherAudit(
    "air", "air-quality", AT_MS, 500, 2, duplicates=50, flagged={"late": 7, "range:pm10": 1}, unclassified=3
)
DISCLOSURE = DisclosureRecord(
    subject=SUBJECT,
    dataset="income-payments",
    source="ee-tax.income-payments.v1/0/100",
    at_ms=AT_MS,
    generation=7,
    decisions={"ee-fi-income": "released", "ee-stat": "suspended"},
)
CONSENT = ConsentRecord("ee-fi-benefits", SUBJECT, given=True, at_ms=AT_MS)


@pytest.mark.parametrize(("record", "golden"), list(zip((EXCHANGE, PUBLISHER, DISCLOSURE), GOLDEN[:3], strict=True)))
def test_golden_records(record, golden):
    assert record.to_record() == golden["says"]
    assert pack(record.to_record()).hex() == golden["bytes"]
    assert unpack(bytes.fromhex(golden["bytes"])) == golden["says"]


@given(
    st.binary(min_size=16, max_size=16),
    st.text(max_size=20),
    st.text(max_size=20),
    st.integers(0, 2**62),
    st.lists(st.dictionaries(st.text(max_size=8), st.text(max_size=12), max_size=3), min_size=1, max_size=3),
)
def test_disclosures_of_a_batch_have_the_bytes_of_the_record(subject, dataset, topic, number, said):
    form = DisclosureForm(dataset, topic, number, number)
    agreements = said[0]
    for offset, values in enumerate((agreements, dict.fromkeys(agreements, "released"), agreements)):
        record = DisclosureRecord(subject, dataset, f"{topic}/3/{offset}", number, number, values)
        assert form.value(subject, 3, offset, values) == pack(record.to_record())


def test_the_golden_record_of_duplicates_and_flags():
    (golden,) = GOLDEN_EDGE
    assert AT_THE_EDGE.to_record() == golden["says"]
    assert pack(AT_THE_EDGE.to_record()).hex() == golden["bytes"]
    assert unpack(bytes.fromhex(golden["bytes"])) == golden["says"]


def test_golden_consent():
    assert CONSENT.to_value().hex() == GOLDEN[3]["bytes"]
    assert consent_from(bytes.fromhex(GOLDEN[3]["bytes"])) == CONSENT
    assert CONSENT.key() == b"ee-fi-benefits/000102030405060708090a0b0c0d0e0f"


@pytest.mark.parametrize("wrong", [b"", b"\x02{}", b"\x01", b"\x01{}", b"\x01[]", b'\x01{"given":"yes"}'])
def test_what_is_no_consent_is_refused(wrong):
    with pytest.raises(RecordError):
        consent_from(wrong)
