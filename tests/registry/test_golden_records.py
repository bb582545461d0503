"""Records of the `_schemas` topic, byte for byte."""

import json
import pathlib

import pytest

from penstock.schemas import registry_records as records

GOLDEN = json.loads((pathlib.Path(__file__).parents[1] / "golden" / "schemas_topic_1.json").read_text())
MADE = {
    "schema": records.schema_record("view.ee-fi-value", 1, 7, '"string"'),
    "schema_deleted": records.schema_record("view.ee-fi-value", 1, 7, '"string"', deleted=True),
    "schema_tombstone": records.schema_tombstone("view.ee-fi-value", 1),
    "config": records.config_record(None, "FULL"),
    "config_of_subject": records.config_record("s-ä", "NONE"),
    "config_taken_back": records.config_record("s-ä", None),
    "mode": records.mode_record(None, "READONLY"),
    "mode_of_subject": records.mode_record("s", "IMPORT"),
    "delete_subject": records.delete_subject_record("s", 3),
    "noop": records.highest_id_record(12),
}


def test_every_kind_of_record_has_a_golden_one():
    assert MADE.keys() == GOLDEN.keys()


@pytest.mark.parametrize("kind", MADE)
def test_the_golden_record(kind):
    made, held = MADE[kind], GOLDEN[kind]
    assert made.key.decode() == held["key"]
    assert (made.value and made.value.decode()) == held["value"]
    key, value = records.read(made)
    assert key["keytype"]
    assert (value is None) == (held["value"] is None)
